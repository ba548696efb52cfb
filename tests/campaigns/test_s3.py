"""The S3 protocol on moto: parts, ranges, presigned URLs. It checks no signature, so this says nothing of security."""

import hashlib
import random

import httpx
import pytest
from moto.server import ThreadedMotoServer

from cloud.objects import KeyMismatch, key_of
from cloud.objects.s3 import S3Store

BUCKET = "releases"
DATA = random.Random(1).randbytes(20 * 1024 * 1024)  # more than boto3 sends in one request


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint, monkeypatch) -> S3Store:
    for name, value in (
        ("ACCESS_KEY_ID", "id"),
        ("SECRET_ACCESS_KEY", "key"),
        ("DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    store = S3Store(BUCKET, endpoint)
    store.client.create_bucket(Bucket=BUCKET)
    return store


@pytest.fixture
def key(store, tmp_path) -> str:
    path = tmp_path / "release.frel"
    path.write_bytes(DATA)
    store.put(key_of(path), path)
    return key_of(path)


def test_large_file_goes_in_parts(store, key):
    head = store.client.head_object(Bucket=BUCKET, Key=key)
    assert head["ETag"].strip('"').endswith("-3") and store.exists(key)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=4096-8191", slice(4096, 8192)),
        (
            f"bytes={8 * 1024 * 1024 - 10}-{8 * 1024 * 1024 + 9}",
            slice(8 * 1024 * 1024 - 10, 8 * 1024 * 1024 + 10),
        ),
        (f"bytes={len(DATA) - 5}-", slice(len(DATA) - 5, None)),
        ("bytes=-5", slice(-5, None)),
    ],
)
def test_ranges_of_a_presigned_url(store, key, asked, part):
    answer = httpx.get(store.presign(key, 60), headers={"range": asked}, trust_env=False)
    assert (answer.status_code, answer.content) == (206, DATA[part])
    assert answer.headers["content-range"].endswith(f"/{len(DATA)}")


def test_whole_and_beyond_the_end(store, key):
    whole = httpx.get(store.presign(key, 60), trust_env=False)
    assert f"sha256/{hashlib.sha256(whole.content).hexdigest()}" == key
    beyond = httpx.get(store.presign(key, 60), headers={"range": f"bytes={len(DATA)}-"}, trust_env=False)
    assert beyond.status_code == 416


def test_put_exists_delete(store):
    small = b"small"
    key = key_of(small)
    assert not store.exists(key)
    store.put(key, small)
    store.put(key, small)
    assert store.exists(key)
    with pytest.raises(KeyMismatch):
        store.put(key, b"something else")
    store.delete(key)
    store.delete(key)
    assert not store.exists(key)
