"""A release is verified, byte for byte, before anything can see it."""

import pytest

from cloud.objects import key_of, open_store
from tests.cloud.fleet import release_file
from tools import keys
from wire import frel


async def upload(cloud, data: bytes):
    return await cloud.ota.post("/v1/releases", content=data)


async def listed(cloud) -> list[dict]:
    return (await cloud.ota.get("/v1/releases")).json()["releases"]


@pytest.fixture
def release(cloud) -> bytes:
    return release_file(cloud.folder, cloud.release_key).read_bytes()


async def test_good_release_is_stored_and_listed(cloud, release):
    answer = await upload(cloud, release)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["kind"], told["version"], told["size"]) == ("app", "1.1.0", len(release))
    assert len(told["signed_by"]) == 1
    assert open_store(cloud.stores.settings).exists(key_of(release))
    (row,) = await listed(cloud)
    assert row["digest"] == told["digest"]
    (audit,) = await cloud.rows("SELECT * FROM audit")
    assert (audit["who"], audit["what"]) == ("admin", "release.published")
    assert (await upload(cloud, release)).json() == told  # again, after an answer that got lost


def parts_of(release: bytes) -> dict[str, int]:
    """Where each part begins."""
    envelope, index, _ = frel.parse_header(release)
    start = frel.HEADER_SIZE
    return {"header": 0, "envelope": start, "index": start + envelope, "payload": start + envelope + index}


@pytest.mark.parametrize("part", ["header", "envelope", "index", "payload"])
@pytest.mark.parametrize("place", [0, 4, 8, 19])
async def test_flipped_byte_is_refused(cloud, release, part, place):
    broken = bytearray(release)
    broken[parts_of(release)[part] + place] ^= 1
    answer = await upload(cloud, bytes(broken))
    assert answer.status_code == 422 and answer.json()["error"]
    assert await listed(cloud) == []
    assert not open_store(cloud.stores.settings).exists(key_of(bytes(broken)))


@pytest.mark.parametrize("change", [lambda r: r[:-1], lambda r: r + b"x", lambda r: r[:10], lambda r: b""])
async def test_cut_or_lengthened_file_is_refused(cloud, release, change):
    assert (await upload(cloud, change(release))).status_code == 422


async def test_unknown_key_is_refused(cloud):
    ids = keys.new(cloud.folder / "others")
    path = release_file(cloud.folder, cloud.folder / "others/release.pem")
    answer = await upload(cloud, path.read_bytes())
    assert answer.status_code == 422
    assert answer.json()["error"] == f"release not trusted: unknown key {ids['release']}"


async def test_key_of_another_kind_is_refused(cloud):
    path = release_file(cloud.folder, cloud.release_key, kind="runtime")
    answer = await upload(cloud, path.read_bytes())
    assert answer.status_code == 422 and answer.json()["error"].endswith("may not sign runtime")


async def test_version_belongs_to_one_digest(cloud, release):
    await upload(cloud, release)
    other = release_file(cloud.folder, cloud.release_key, fill=b"y").read_bytes()
    answer = await upload(cloud, other)
    assert (answer.status_code, len(await listed(cloud))) == (409, 1)
    assert answer.json() == {"error": "fieldrec 1.1.0 exists already with another digest"}


async def test_too_large_upload_is_cut_short(cloud):
    async def endless():
        while True:
            yield bytes(1 << 20)

    answer = await cloud.ota.post("/v1/releases", content=endless())
    assert answer.status_code == 413


async def test_admin_token_is_needed_everywhere_but_for_health(cloud):
    cloud.ota.headers["Authorization"] = "Bearer guessed"
    changes = (
        ("POST", "/v1/campaigns"),
        *(("POST", f"/v1/campaigns/1/{c}") for c in ("abort", "pause", "resume")),
    )
    reads = ("GET", "/v1/releases"), ("GET", "/v1/campaigns/1")
    for method, path in (("POST", "/v1/releases"), *changes, *reads):
        assert (await cloud.ota.request(method, path, json={})).status_code == 401, path
    assert (await cloud.ota.get("/health")).status_code == 200
