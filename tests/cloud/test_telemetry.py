"""What devices say ends in PostgreSQL, whatever fails beside it; what can't be stored is dropped alone."""

import asyncio
import json

import pytest


async def rows_of(cloud, device, count: int, table: str = "heartbeats") -> list[dict]:
    statement = f"SELECT * FROM {table} WHERE device_id = %s ORDER BY received_at"
    return await cloud.until(lambda rows: len(rows) >= count, statement, device.id)


async def shown(cloud, device) -> dict:
    return (await cloud.registration.get(f"/v1/devices/{device.id}")).json()


async def test_heartbeats_become_rows(registration):
    device = await registration.device()
    await asyncio.gather(*(device.heartbeat(uptime_s=number) for number in range(200)))
    rows = await rows_of(registration, device, 200)
    assert sorted(row["uptime_s"] for row in rows) == list(range(200))
    assert (rows[0]["vbat_mv"], rows[0]["temp_decic"], rows[0]["counters"]) == (3900, 253, {"overruns": 0})


async def test_unknown_is_not_zero(registration):
    device = await registration.device()
    await device.heartbeat(vbat_mv=None, temp_decic=None)
    (row,) = await rows_of(registration, device, 1)
    assert (row["vbat_mv"], row["temp_decic"]) == (None, None)


async def test_device_shows_its_last_state(registration):
    device = await registration.device()
    device.version = "1.1.0"
    await device.heartbeat(state="RECORD", a_field_of_tomorrow=1)
    await device.say("events", kind="boot", at="2026-01-01T00:00:00Z", reason="PWR_SW1")
    await rows_of(registration, device, 1)
    await rows_of(registration, device, 1, "events")
    told = await shown(registration, device)
    assert (told["online"], told["heartbeat"]["state"], told["versions"]["app"]) == (True, "RECORD", "1.1.0")
    assert told["events"][0]["body"]["reason"] == "PWR_SW1"
    listed = (await registration.registration.get("/v1/devices")).json()["devices"]
    assert [each["heartbeat"]["state"] for each in listed if each["id"] == device.id] == ["RECORD"]


async def test_list_comes_in_pages(registration):
    ids = sorted([(await registration.device(number)).id for number in range(3)])
    first = (await registration.registration.get("/v1/devices", params={"limit": 2})).json()
    assert ([each["id"] for each in first["devices"]], first["next"]) == (ids[:2], ids[1])
    rest = (await registration.registration.get("/v1/devices", params={"after": first["next"]})).json()
    assert ([each["id"] for each in rest["devices"]], rest["next"]) == (ids[2:], None)


BAD = [
    b"",
    b"\xff\xfe",
    b"not json",
    b"[1]",
    b'{"v": 2, "state": "IDLE"}',
    b'{"v": 1, "state": "IDLE", "versions": {}, "uptime_s": -1}',
    b'{"v": 1, "state": "IDLE", "versions": {}, "vbat_mv": 99999999999}',
    b'{"v": 1, "state": "' + b"x" * 100 + b'", "versions": {}}',
    b'{"v": 1, "state": "\\u0000", "versions": {}}',
    b'{"v": 1, "state": "\\ud800", "versions": {}}',
    b'{"v": 1, "state": "IDLE", "versions": {}, "counters": {"n": 1e999}}',
    b'{"v": 1, "state": "IDLE", "versions": {}, "counters": {"n": NaN}}',
    b"[" * 5000,
]


async def test_bad_payloads_are_dropped_and_the_good_ones_kept(registration):
    device = await registration.device()
    await asyncio.gather(*(device.say_raw("heartbeat", payload) for payload in BAD), device.heartbeat())
    await device.say_raw("events", b'{"v": 1, "kind": "fault", "at": null, "what": "\\u0000"}')
    await device.say_raw("presence", b'{"v": 1, "online": "perhaps"}')
    await device.heartbeat()
    assert len(await rows_of(registration, device, 2)) == 2
    health = (await registration.registration.get("/health")).json()
    assert health["dropped"] == {"heartbeat": len(BAD), "events": 1, "presence": 1}


async def test_last_will_shows_the_device_offline(registration):
    device = await registration.device()
    await device.cut()
    await registration.until(
        lambda rows: rows and not rows[0]["online"],
        "SELECT online FROM presence WHERE device_id = %s",
        device.id,
    )
    assert (await shown(registration, device))["online"] is False


async def test_emptied_redis_only_costs_time(registration):
    device = await registration.device()
    await device.heartbeat(fault="T01")
    await rows_of(registration, device, 1)
    before = await shown(registration, device)
    await registration.registration_app.state.cache._redis.flushall()
    after = await shown(registration, device)
    assert after["online"] == before["online"]
    for name, said in (("vbat_mv", 3900), ("fault", "T01")):
        assert after["heartbeat"][name] == before["heartbeat"][name] == said
    key = f"fieldrec:v1:state:{device.id}"
    kept = await registration.registration_app.state.cache._redis.hget(key, "heartbeat")
    assert json.loads(kept)["vbat_mv"] == 3900
    assert 0 < await registration.registration_app.state.cache._redis.ttl(key) <= 300


@pytest.mark.parametrize("name", ["redis", "postgres"])
async def test_lost_store_loses_no_heartbeat(registration, name):
    device = await registration.device()
    await device.heartbeat(uptime_s=1)
    await rows_of(registration, device, 1)
    (server,) = [each for each in registration.stores.servers if each.name == name]
    await asyncio.to_thread(server.stop)
    try:
        await device.heartbeat(uptime_s=2)
        if name == "redis":
            assert [row["uptime_s"] for row in await rows_of(registration, device, 2)] == [1, 2]
            assert (await shown(registration, device))["heartbeat"]["uptime_s"] == 2
    finally:
        await asyncio.to_thread(server.start)
    await device.heartbeat(uptime_s=3)
    assert [row["uptime_s"] for row in await rows_of(registration, device, 3)] == [1, 2, 3]
