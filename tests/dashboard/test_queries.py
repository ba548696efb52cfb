"""What can be asked, and that it is read in a number of statements that does not grow with the answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

import psycopg
import pytest

PAGE = """
query Page($filter: DeviceFilter, $first: Int!, $after: String) {
  devices(filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { cursor node {
      id board appVersion group online state socPct labels { name value } heartbeat { memFree }
      activeJobs { status release: campaign { release { version } } } certificates { serial } slots { name version }
      commands { name status } config { settled } jobs { id }
    } }
  }
}
"""


def ids_of(answer) -> list[str]:
    return [edge["node"]["id"] for edge in answer.only["edges"]]


@pytest.fixture
def statements(monkeypatch) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with statements() as seen`: each SQL statement of what is asked in there, and none of the services' own."""
    asker: ContextVar[list[str] | None] = ContextVar("asker", default=None)
    execute = psycopg.AsyncConnection.execute

    async def noted(self, query, *args, **more):
        if (seen := asker.get()) is not None:
            seen.append(str(query))
        return await execute(self, query, *args, **more)

    @contextmanager
    def asked() -> Iterator[list[str]]:
        seen: list[str] = []
        token = asker.set(seen)
        yield seen
        asker.reset(token)

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", noted)
    return asked


async def test_pages(lab):
    every = await lab.rows_of_devices(25)
    seen, after = [], None
    while True:
        answer = await lab.ask(PAGE, first=10, after=after)
        seen += ids_of(answer)
        if not answer.only["pageInfo"]["hasNextPage"]:
            break
        after = answer.only["pageInfo"]["endCursor"]
    assert seen == every
    assert "cursor" in (await lab.ask(PAGE, first=10, after="ä")).errors[0]["message"]
    assert "first" in (await lab.ask(PAGE, first=0)).errors[0]["message"]


async def test_filters(lab):
    await lab.rows_of_devices(3, name="calm", group="north", version="1.1.0")
    await lab.rows_of_devices(2, name="busy", state="RECORDING", board="esp32s3")
    await lab.rows_of_devices(2, name="away", online=False, soc=5, temp=-12)
    marks = {"ids": ["calm-0001", "busy-0000"], "labels": {"site": "s1"}}
    assert (await lab.registration.post("/v1/marks", json=marks)).status_code == 200
    calm, busy = [f"calm-{n:04}" for n in range(3)], ["busy-0000", "busy-0001"]
    away = ["away-0000", "away-0001"]
    for filter, expected in (
        ({"group": "north"}, calm),
        ({"state": "RECORDING"}, busy),
        ({"online": False}, away),
        ({"online": True, "board": "virtual"}, calm),
        ({"text": "-0001"}, ["away-0001", "busy-0001", "calm-0001"]),
        ({"text": "%"}, []),
        ({"labels": [{"name": "site", "value": "s1"}]}, ["busy-0000", "calm-0001"]),
        ({"labels": [{"name": "site"}], "appVersion": "1.1.0"}, ["calm-0001"]),
        ({"ids": ["busy-0001", "none-such"]}, ["busy-0001"]),
        ({"decommissioned": True}, []),
    ):
        assert ids_of(await lab.ask(PAGE, first=20, filter=filter)) == expected, filter
        count = "query ($f: DeviceFilter) { devicesCounted(filter: $f) { count exact } }"
        assert (await lab.ask(count, f=filter)).only == {"count": len(expected), "exact": True}
    await lab.app.state.fleet.fresh()
    fleet = (await lab.ask(FLEET)).only
    assert (fleet["total"], fleet["online"]) == (7, 5)
    assert fleet["states"] == [{"name": "IDLE", "devices": 3}, {"name": "RECORDING", "devices": 2}]
    assert fleet["batteryPct"][0] == {"low": 0, "devices": 2} and fleet["batteryPct"][-1] == {
        "low": 50,
        "devices": 5,
    }
    assert fleet["tempC"][0] == {"low": -5, "devices": 2}


async def test_statements_do_not_grow_with_the_page(lab, statements):
    """As many for fifty devices as for two."""
    await lab.rows_of_devices(60)
    mine = []
    for first in (2, 50):
        with statements() as seen:
            assert len(ids_of(await lab.ask(PAGE, first=first))) == first
        mine.append(Counter(each for each in seen if "ANY(" in each or "unnest(" in each))
    assert set(mine[0]) <= set(mine[1]) and max(mine[1].values()) <= 2, mine
    assert len(mine[1]) <= 12


async def test_statements_of_a_campaign(lab, statements):
    devices = await lab.devices(1)
    campaign = await lab.campaign(await lab.release(), devices)
    await devices[0].update("FAILED", "battery too low")
    await lab.until_campaign(campaign, "HALTED")
    with statements() as seen:
        read = (await lab.ask(CAMPAIGN, id=str(campaign))).only
    assert read["status"] == "HALTED" and read["failures"] == [{"reason": "battery too low", "devices": 1}]
    assert read["groups"][0] == {"name": "canary", "size": 1, "jobs": {"failed": 1, "total": 1}}
    assert read["jobs"]["edges"][0]["node"]["device"]["appVersion"] == "1.0.0"
    of_groups = ("FROM campaign_groups g JOIN campaigns c", "FROM jobs j JOIN campaign_groups g")
    assert 0 < len([each for each in seen if any(words in each for words in of_groups)]) <= 2


async def test_a_devices_page(lab):
    device = await lab.device()
    await device.heartbeat(state="RECORDING", soc_pct=61, fault="T01")
    await device.say("events", kind="transition", to="RECORDING", at="2026-01-01T00:00:00Z")
    await lab.until(bool, "SELECT 1 FROM device_states WHERE device_id = %s AND soc_pct = 61", device.id)
    await lab.until(bool, "SELECT 1 FROM events WHERE device_id = %s", device.id)
    page = (await lab.ask(DEVICE, id=device.id)).only
    assert (page["state"], page["heartbeat"]["socPct"], page["history"][-1]["socPct"]) == (
        "RECORDING",
        61,
        61,
    )
    assert page["heartbeat"]["fault"] == "T01"
    assert {"kind": "transition", "title": "RECORDING"} in page["timeline"]
    assert page["events"]["edges"][0]["node"]["kind"] == "transition" and page["why"]
    assert (await lab.ask(DEVICE, id="none-such")).only is None


FLEET = "{ fleet { total online states { name devices } batteryPct { low devices } tempC { low devices } } }"
CAMPAIGN = """
query ($id: ID!) { campaign(id: $id) {
  status release { version } groups { name size jobs { failed total } } failures { reason devices } approvals { who }
  jobs { edges { node { status device { appVersion } campaign { id } } } } } }
"""
DEVICE = """
query ($id: ID!) { device(id: $id) {
  state heartbeat { socPct counters fault } history(hours: 1) { socPct } timeline { kind title } why
  events { edges { node { kind body } } } } }
"""
