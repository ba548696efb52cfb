"""The object store and its presigned URLs, attacked over HTTPS."""

import hashlib
import ssl
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from cloud.objects import KeyMismatch, key_of, open_store
from cloud.objects.folder import FolderStore, signature
from cloud.objects.s3 import S3Store

DATA = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def store(cloud_stores) -> FolderStore:
    opened = open_store(cloud_stores.settings)
    assert isinstance(opened, FolderStore)
    return opened


@pytest.fixture(scope="module")
def client(cloud_stores):
    with httpx.Client(verify=ssl.create_default_context(cafile=cloud_stores.ca), trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def key(store) -> str:
    key = key_of(DATA)
    store.put(key, DATA)
    return key


def changed(url: str, **query: str | None) -> str:
    """The URL with other values, or without those that are None."""
    values = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()} | query
    return f"{url.partition('?')[0]}?{urlencode({n: v for n, v in values.items() if v is not None})}"


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_whole(client, store, key):
    answer = client.get(store.presign(key, 60))
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=4096-8191", 4096, 8192),
        ("bytes=255999-255999", 255999, 256000),
        ("bytes=255000-", 255000, 256000),
        ("bytes=-10", 255990, 256000),
        ("bytes=-999999999", 0, 256000),
        ("bytes=200000-999999999", 200000, 256000),
    ],
)
def test_range(client, store, key, asked, first, end):
    answer = client.get(store.presign(key, 60), headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, DATA[first:end])
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(end - first)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=256000-", "bytes=256000-256001", "bytes=9-8", "bytes=-0", "bytes=-", "bytes=", "bytes=0-1,4-5",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), "bytes=a-b", "bytes=-1-5", "bytes=+1-5",
        "items=0-1", "bytes=" + "9" * 1000 + "-", "bytes=0x1-5", "bytes = 0-1",
    ],
)  # fmt: skip
def test_bad_range(client, store, key, asked):
    answer = client.get(store.presign(key, 60), headers={"range": asked})
    status, words = error(answer)
    assert status == 416
    assert words.endswith("is not one range bytes=FIRST-LAST inside 256000 bytes")
    assert answer.headers["content-range"] == "bytes */256000"


def test_no_signature(client, store, key):
    url = store.presign(key, 60)
    for each in (url.partition("?")[0], changed(url, signature=None), changed(url, expires=None)):
        assert error(client.get(each)) == (401, "no signature")


def test_wrong_secret(client, store, key):
    forged = FolderStore(store.folder, b"guess", store.public_url).presign(key, 60)
    assert error(client.get(forged)) == (403, "signature does not match")


@pytest.mark.parametrize("value", ["0" * 64, "", "x", "é", "0" * 10000])
def test_nonsense_signature(client, store, key, value):
    assert client.get(changed(store.presign(key, 60), signature=value)).status_code in (401, 403)


def test_expired(client, store, key):
    url = store.presign(key, -1)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(parse_qs(urlsplit(url).query)["expires"][0])))
    assert error(client.get(url)) == (403, f"expired at {at}")


@pytest.mark.parametrize("value", ["99999999999", "9" * 500, "-1", "1e12", " 5", "٣", "0x7fffffff"])
def test_changed_expiry(client, store, key, value):
    assert error(client.get(changed(store.presign(key, -1), expires=value))) == (
        403,
        "signature does not match",
    )


def test_other_key(client, store, key):
    other = key_of(b"other")
    store.put(other, b"other")
    url = store.presign(key, 60).replace(key, other)
    assert error(client.get(url)) == (403, "signature does not match")


def test_unknown_key(client, store):
    unknown = key_of(b"never put")
    assert error(client.get(store.presign(unknown, 60))) == (404, f"no object {unknown!r}")


@pytest.mark.parametrize(
    "path", ["../secrets/objects", "sha256/../../secrets/objects", "..%2fsecrets%2fobjects"]
)
def test_way_out_of_the_folder(client, store, path):
    """Even signed, only keys of our form are looked up."""
    until = int(time.time()) + 60
    for signed in (path, path.replace("%2f", "/")):
        query = urlencode({"expires": until, "signature": signature(store.secret, "GET", signed, until)})
        raw = httpx.Request("GET", f"{store.public_url}/x", extensions={})
        raw.url = raw.url.copy_with(raw_path=f"/{path}?{query}".encode())
        assert client.send(raw).status_code in (403, 404)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_method(client, store, key, method):
    answer = client.request(method, store.presign(key, 60))
    assert error(answer) == (405, f"method {method} is not allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_needs_a_signature_of_its_own(client, store, key):
    assert client.head(store.presign(key, 60)).status_code == 403
    answer = client.head(store.presign(key, 60, "HEAD"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(DATA))
    assert error(client.get(store.presign(key, 60, "HEAD"))) == (403, "signature does not match")


def test_log_holds_no_signature(client, store, key, cloud_stores):
    client.get(store.presign(key, 60))
    log = (cloud_stores.data / "log/objects.log").read_text()
    assert key in log
    assert "signature=" not in log


def test_put_is_content_addressed(tmp_path):
    store = FolderStore(tmp_path / "objects", b"secret", "https://x")
    (tmp_path / "release.frel").write_bytes(DATA)
    key = key_of(tmp_path / "release.frel")
    assert key == key_of(DATA)
    assert not store.exists(key)
    store.put(key, tmp_path / "release.frel")
    store.put(key, DATA)
    assert store.path(key).read_bytes() == DATA
    with pytest.raises(KeyMismatch, match="has the hash"):
        store.put(key, b"something else")
    with pytest.raises(KeyMismatch, match="is not of the form"):
        store.put("sha256/../x", b"")
    assert [path.name for path in store.path(key).parent.iterdir()] == [key.removeprefix("sha256/")]
    store.delete(key)
    store.delete(key)
    assert not store.exists(key)


def test_s3_presigns_with_boto3(monkeypatch):
    """The URL alone: made without a network. No S3 that checks signatures is at hand to try it on."""
    for name, value in (
        ("ACCESS_KEY_ID", "id"),
        ("SECRET_ACCESS_KEY", "key"),
        ("DEFAULT_REGION", "eu-west-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    url = urlsplit(S3Store("bucket", "https://s3.example").presign(key_of(DATA), 300))
    query = parse_qs(url.query)
    assert (url.netloc, url.path) == ("s3.example", f"/bucket/{key_of(DATA)}")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
