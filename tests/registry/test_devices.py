"""Groups, labels, filters, and the end of a device's service."""

import pytest

from tests.registry.parties import certified


@pytest.fixture
async def devices(registration):
    return [await certified(registration, name) for name in ("dev-a", "dev-b", "dev-c")]


async def mark(registration, *ids: str, **marks):
    return await registration.registration.post("/v1/marks", json={"ids": list(ids), **marks})


async def listed(registration, query: str = "") -> list[str]:
    answer = await registration.registration.get(f"/v1/devices{query}")
    assert answer.status_code == 200, answer.text
    return [device["id"] for device in answer.json()["devices"]]


async def test_filters(registration, devices):
    await mark(registration, "dev-a", "dev-b", group="lab", labels={"site": "north", "floor": "2"})
    await mark(registration, "dev-b", labels={"site": "south", "floor": None})
    assert await listed(registration) == ["dev-a", "dev-b", "dev-c"]
    assert await listed(registration, "?group=lab") == ["dev-a", "dev-b"]
    assert await listed(registration, "?group=") == ["dev-c"]
    assert await listed(registration, "?label=site") == ["dev-a", "dev-b"]
    assert await listed(registration, "?label=site=south") == ["dev-b"]
    assert await listed(registration, "?label=site=north&label=floor=2&group=lab&board=virtual") == ["dev-a"]
    assert await listed(registration, "?label=site=north&label=floor=3") == []
    assert await listed(registration, "?version=2.0.0") == []
    shown = (await registration.registration.get("/v1/devices/dev-b")).json()
    assert (shown["group"], shown["labels"]) == ("lab", {"site": "south"})
    groups = (await registration.registration.get("/v1/groups")).json()["groups"]
    assert groups == [{"name": "", "devices": 1}, {"name": "lab", "devices": 2}]


async def test_pages(registration, devices):
    first = (await registration.registration.get("/v1/devices?limit=2")).json()
    assert (len(first["devices"]), first["next"]) == (2, "dev-b")
    second = (await registration.registration.get("/v1/devices?limit=2&after=dev-b")).json()
    assert ([each["id"] for each in second["devices"]], second["next"]) == (["dev-c"], None)


async def test_all_or_none_and_nothing_odd(registration, devices):
    assert (await mark(registration, "dev-a", "dev-x", group="lab")).status_code == 404
    assert await listed(registration, "?group=lab") == []
    for wrong in (
        {"group": "a b"},
        {"labels": {"Site": "x"}},
        {"labels": {"site": "a\nb"}},
        {"colour": "red"},
    ):
        assert (await mark(registration, "dev-a", **wrong)).status_code == 422, wrong
    assert (await mark(registration)).status_code == 422
    for query in ("?label=Site", "?group=a%20b", "?limit=0", "?after=%00", "?colour=red"):
        assert (await registration.registration.get(f"/v1/devices{query}")).status_code == 422, query
    assert (await registration.registration.get("/v1/devices/dev-%00")).status_code == 404


async def test_decommissioned_for_good_until_a_new_claim(registration, devices):
    device = devices[0]
    unused = await registration.claim(device_id="dev-a")
    asked = {"ids": ["dev-a"], "command": "identify"}
    await registration.registration.post("/v1/commands", json=asked)
    answer = await registration.registration.post(
        "/v1/decommissions", json={"ids": ["dev-a"], "why": "scrapped"}
    )
    assert answer.json()["revoked"] == [device.serial]
    assert await listed(registration) == ["dev-b", "dev-c"]
    assert await listed(registration, "?decommissioned=true") == ["dev-a"]
    assert (await device.post("/v1/certificates/used", {"v": 1})).status_code == 403
    late = await registration.registration.post("/v1/enrol", json=device.enrolment(unused))
    assert late.json()["error"].startswith("claim token expired")
    for path, more in (("commands", {"command": "reboot"}), ("configs", {"settings": {"segment_s": 30}})):
        refused = await registration.registration.post(f"/v1/{path}", json={"ids": ["dev-a"], **more})
        assert (refused.status_code, refused.json()["error"]) == (409, "decommissioned: dev-a")
    assert [row["status"] for row in await registration.rows("SELECT status FROM commands")] == ["CANCELED"]
    await device.enrol()
    assert "dev-a" in await listed(registration)
