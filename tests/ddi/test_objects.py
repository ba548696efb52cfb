"""A release's file is taken out of it the same way from a folder and from S3."""

import hashlib
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cloud.objects import ObjectStore
from cloud.objects.folder import FolderStore
from cloud.objects.s3 import S3Store
from cloud.ota.ddi.actions import Action
from cloud.ota.ddi.artifacts import blocks, make_artifact
from tests.ddi.conftest import BUNDLE, bundle_file
from tools import keys
from tools.release import inspect


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path: Path, monkeypatch):
    if request.param == "folder":
        yield FolderStore(tmp_path / "objects", b"secret", "https://127.0.0.1:1")
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="releases")
        yield S3Store("releases")


def test_file_of_a_release(store: ObjectStore, tmp_path: Path):
    keys.new(tmp_path / "keys")
    path = bundle_file(tmp_path, tmp_path / "keys/release.pem")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    store.put(f"sha256/{sha256}", path)
    action = Action(
        id=1,
        status="QUEUED",
        step="",
        progress_pct=0,
        told=False,
        forced=False,
        handling="deploy",
        kind="app",
        name="gateway-os",
        version="2.0.0",
        digest="",
        size=path.stat().st_size,
        object_key=f"sha256/{sha256}",
    )
    made = make_artifact(store, action, inspect(path)["manifest"])
    assert (made.filename, made.size, made.sha256) == (
        "gateway.swu",
        len(BUNDLE),
        hashlib.sha256(BUNDLE).hexdigest(),
    )
    assert (made.sha1, made.md5) == (hashlib.sha1(BUNDLE).hexdigest(), hashlib.md5(BUNDLE).hexdigest())
    assert b"".join(blocks(store, made.object_key, 0, made.size)) == BUNDLE
    assert b"".join(blocks(store, made.object_key, 65_000, 70_001)) == BUNDLE[65_000:70_001]
