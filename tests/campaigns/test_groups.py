"""Groups: whom they take, how fast, when they are done, and what makes a campaign stop."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

from cloud.ota import admission, scheduler
from cloud.ota.admission import start_of
from cloud.ota.notifier import WAIT_MAX_S, Pace


async def test_soak_holds_the_next_group_and_failures_in_it_halt(lab):
    await lab.devices(4)
    groups = [
        {"name": "canary", "count": 2, "soak_s": 3600, "success_threshold": 0.5},
        {"name": "rest", "share": 1},
    ]
    campaign = await lab.campaign(await lab.release(), groups=groups, error_threshold=0.5)
    await lab.tick(2)
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick(2)
    canary, rest = (await lab.read(campaign))["groups"]
    assert (canary["status"], rest["status"]) == ("RUNNING", "WAITING")
    assert datetime.fromisoformat(canary["soaks_until"]) > lab.clock() + timedelta(minutes=59)
    await lab.end(campaign, "FAILED")
    await lab.tick()
    assert (await lab.read(campaign))["reason"] == "group canary: 1 of 2 jobs failed, 50 % halt"


async def test_after_the_soak_the_next_group_goes(lab):
    await lab.devices(3)
    groups = [{"name": "canary", "count": 1, "soak_s": 60}, {"name": "rest", "share": 1}]
    campaign = await lab.campaign(await lab.release(), groups=groups)
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick()
    assert await lab.active(campaign) == {}
    lab.later(seconds=61)
    await lab.tick()
    assert len(await lab.active(campaign)) == 2


async def test_a_group_can_wait_for_a_person(lab):
    await lab.devices(2)
    groups = [{"name": "canary", "count": 1, "confirm": True}, {"name": "rest", "share": 1, "confirm": True}]
    campaign = await lab.campaign(await lab.release(), groups=groups)
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick(2)
    read = await lab.read(campaign)
    assert (read["status"], read["reason"]) == (
        "PAUSED",
        "group canary succeeded: a person lets the next one go",
    )
    await lab.post(f"/v1/campaigns/{campaign}/resume")
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "SUCCEEDED"  # behind the last one nobody waits


async def test_rate_limits_admission(lab):
    await lab.devices(100)
    groups = [{"name": "all", "share": 1, "rate_per_min": 6}]
    campaign = await lab.campaign(await lab.release(), groups=groups)
    made = []
    for seconds in (0, 0, 9, 11, 30, 3600):
        lab.later(seconds=seconds)
        await lab.tick()
        made.append(len(await lab.active(campaign)))
    assert made == [1, 1, 1, 3, 6, 12]  # one each 10 s; of an hour's silence a minute is saved up


async def test_window_is_for_making_and_handing_out(lab):
    (device,) = await lab.devices(1)
    now = lab.clock()
    window = {"start": f"{now + timedelta(hours=23):%H:%M}", "end": f"{now + timedelta(hours=1):%H:%M}"}
    groups = [{"name": "all", "share": 1, "window": window}]
    lab.later(hours=2)
    campaign = await lab.campaign(await lab.release(), groups=groups)
    await lab.tick()
    assert await lab.active(campaign) == {}
    assert "outside its window of" in (await lab.get(f"/v1/why/{device}"))["answer"][0]
    lab.later(hours=22)
    await lab.tick()
    assert list(await lab.active(campaign)) == [device] and await lab.handed_out(device)
    lab.later(hours=2)
    assert await lab.handed_out(device) == {}


async def test_groups_thresholds_are_their_own(lab):
    await lab.devices(6)
    groups = [
        {"name": "a", "count": 2, "error_threshold": 1, "success_threshold": 0.5},
        {"name": "b", "share": 1},
    ]
    campaign = await lab.campaign(await lab.release(), groups=groups, error_threshold=0.25)
    await lab.tick()
    await lab.end(campaign, "FAILED", "SUCCEEDED")
    await lab.tick()
    assert len(await lab.active(campaign)) == 4
    await lab.end(campaign, "FAILED")
    await lab.tick()
    assert (await lab.read(campaign))["reason"] == "group b: 1 of 4 jobs failed, 25 % halt"


async def test_the_first_jobs_can_be_enough_to_halt(lab):
    await lab.devices(1000)
    campaign = await lab.campaign(await lab.release(), error_after=20)
    await lab.tick()
    await lab.end(campaign, *["SUCCEEDED"] * 17, "FAILED", "FAILED")
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "RUNNING"
    await lab.end(campaign, "FAILED")
    await lab.tick()
    assert (await lab.read(campaign))["reason"] == "group all: 3 of the first 20 jobs failed, 10 % halt"


async def test_dynamic_campaign_takes_who_comes_to_match(lab):
    await lab.devices(2, group="field")
    await lab.devices(1, group="office")
    groups = [{"name": "canary", "count": 1}, {"name": "field", "share": 1, "open_ended": True}]
    more = {"filter": {"group": "field"}, "deadline_s": 86400}
    campaign = await lab.campaign(await lab.release(), groups=groups, **more)
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "RUNNING"
    (late,) = await lab.devices(1, group="field", online=False)
    lab.later(seconds=5)
    await lab.tick()
    assert list(await lab.active(campaign)) == [late]
    await lab.end(campaign, "SUCCEEDED")
    lab.later(days=2)
    await lab.devices(1, group="field")
    await lab.tick(2)
    read = await lab.read(campaign)
    assert (read["status"], [group["jobs"] for group in read["groups"]]) == (
        "SUCCEEDED",
        [{"SUCCEEDED": 1}, {"SUCCEEDED": 2}],
    )


async def test_who_no_longer_needs_it_makes_the_group_smaller(lab):
    ids = await lab.devices(3)
    groups = [{"name": "canary", "count": 1}, {"name": "rest", "share": 1}]
    campaign = await lab.campaign(await lab.release(), groups=groups)
    await lab.tick()
    (canary,) = await lab.end(campaign, "SUCCEEDED")
    other = next(each for each in ids if each != canary)
    await lab.run("UPDATE devices SET app_version = '1.1.0' WHERE id = %s", other)
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED")
    await lab.tick(2)
    read = await lab.read(campaign)
    assert (read["status"], [group["size"] for group in read["groups"]]) == ("SUCCEEDED", [1, 1])


async def test_labels_select(lab):
    await lab.devices(3)
    (site,) = await lab.rows("SELECT id FROM devices ORDER BY id LIMIT 1")
    for name, value in (("site", "north"), ("owner", "us")):
        await lab.run("INSERT INTO device_labels VALUES (%s, %s, %s)", site["id"], name, value)
    labels = {"labels": {"site": "north", "owner": "us"}}
    campaign = await lab.campaign(await lab.release(), filter=labels)
    await lab.tick()
    assert list(await lab.active(campaign)) == [site["id"]]


async def test_online_come_first_and_canaries_differ(lab):
    away = await lab.devices(200, online=False)
    here = await lab.devices(20)
    canaries = set()
    for number in range(4):
        groups = [{"name": "canary", "count": 1}, {"name": "rest", "share": 1}]
        campaign = await lab.campaign(await lab.release(f"1.1.{number}"), groups=groups, forced=True)
        await lab.tick()
        (canary,) = await lab.active(campaign)
        canaries.add(canary)
        await lab.post(f"/v1/campaigns/{campaign}/abort")
    assert canaries < set(here) and len(canaries) > 1 and not canaries & set(away)
    assert len({start_of(number) for number in range(1000)}) == 1000


async def test_a_large_group_is_made_and_taken_back_in_parts(lab, monkeypatch):
    monkeypatch.setattr(admission, "BATCH", 50)
    monkeypatch.setattr(scheduler, "JOBS_AT_ONCE", 100)
    await lab.devices(350)
    campaign = await lab.campaign(await lab.release())
    made = [0]
    while await lab.tick():  # there is more, at once
        made.append(len(await lab.active(campaign)))
    assert len(made) > 1 and all(0 < after - before <= 200 for before, after in pairwise(made))
    assert await lab.counts(campaign) == [{"QUEUED": 350}]
    await lab.rows("UPDATE campaigns SET status = 'ABORTED', ended_at = now() RETURNING id")
    assert await lab.tick()
    assert await lab.counts(campaign) == [{"QUEUED": 250, "CANCELED": 100}]
    while await lab.tick():
        continue
    assert await lab.counts(campaign) == [{"CANCELED": 350}]


async def test_counts_are_those_of_the_jobs(lab):
    """Whatever is done to jobs, in whatever order the changes are added up."""
    await lab.devices(30)
    campaign = await lab.campaign(await lab.release(), error_threshold=1, success_threshold=0, retries=1)
    await lab.tick()
    for status in ("FAILED", "SUCCEEDED", "REJECTED") * 4:
        await asyncio.gather(lab.tick(), lab.end(campaign, status))
    counted = await lab.rows("SELECT status, n FROM jobs_counted ORDER BY 1")
    assert counted == await lab.rows(
        "SELECT status, count(*) AS n FROM jobs GROUP BY status, notified_at IS NULL ORDER BY 1"
    )


NONSENSE: list[dict] = [
    {"groups": [{"name": "a", "share": 1, "open_ended": True}, {"name": "b", "share": 1}]},
    {"groups": [{"name": "a", "share": 1, "window": {"start": "01:00", "end": "01:00"}}]},
    {"groups": [{"name": "a", "share": 1, "window": {"start": "01:00Z", "end": "02:00Z"}}]},
    {"groups": [{"name": "a", "share": 1, "rate_per_min": 0}]},
    {"groups": [{"name": "a", "share": 1, "soak_s": -1}]},
    {"filter": {"labels": {}}},
    {"retries": 6},
    {"error_after": 0},
]


async def test_nonsense_is_refused(lab):
    await lab.devices(1)
    asked = {"release": await lab.release(), "groups": [{"name": "all", "share": 1}]}
    for change in NONSENSE:
        assert (await lab.post("/v1/campaigns", asked | change, 422))["error"], change


def test_what_begins_at_once_is_spread():
    pace = Pace(per_s=10)
    waits = [pace.wait_s() for _ in range(2000)]
    assert waits[:9] == [0] * 9  # a few need not wait
    assert 0.7 * 200 < waits[-1] < 1.3 * 200 and max(waits) <= WAIT_MAX_S
