"""The rounds: a campaign each, in which one server is killed, killed twice over, and cut off."""

import asyncio
import time
from dataclasses import dataclass

from tests.faults import checks, harm
from tests.faults.lab import GROUPS, Lab

SERVERS = ("ota", "registration", "postgres", "redis", "etcd", "broker", "objects")
THRESHOLDS = {"success_threshold": 0.8, "error_threshold": 0.3, "step_timeout_s": 300}


@dataclass(frozen=True)
class Outcome:
    """`wrong` in words; none is what is wanted."""

    name: str
    seconds: float
    status: str
    jobs: int
    leaders: int
    reconnects: int
    said_again: int
    wrong: list[str]


async def harmed(lab: Lab, name: str, cut_s: float, within_s: float) -> Outcome:
    """Killed while the second group works, twice over in the third, cut off in the last."""
    server, begun = lab.server(name), time.monotonic()
    before = dict(lab.fleet.world.counts)
    campaign = await lab.campaign(GROUPS, **THRESHOLDS)
    await lab.at_work(campaign, 1, within_s)
    lab.say(f"{name}: killed")
    await asyncio.to_thread(harm.kill_and_start, server)
    await lab.at_work(campaign, 2, within_s)
    lab.say(f"{name}: killed twice over")
    for _ in range(2):
        await asyncio.to_thread(harm.kill_and_start, server)
    await lab.at_work(campaign, 3, within_s)
    lab.say(f"{name}: cut off for {cut_s:.0f} s")
    with harm.frozen(server):
        await asyncio.sleep(cut_s)
    lab.say(f"{name}: back, the campaign goes on")
    status, reason = await lab.ended(campaign, within_s)
    await lab.settled(within_s)
    wrong = lab.wrong(campaign)
    if status != "SUCCEEDED":
        wrong.append(f"campaign {campaign} is {status}: {reason}")
    return _outcome(lab, name, begun, before, status, len(lab.fleet.devices), wrong)


async def halted(lab: Lab, name: str, cut_s: float, within_s: float) -> Outcome:
    """30 % fail, 10 % halt: also when a server dies meanwhile. How many began the bad release is bounded."""
    begun, before = time.monotonic(), dict(lab.fleet.world.counts)
    began_before = {device.id: len(device.jobs) for device in lab.fleet.devices}
    groups = [{"name": "canary", "share": 0.05}, {"name": "rest", "share": 1.0}]
    thresholds = {"success_threshold": 0.5, "error_threshold": 0.1, "step_timeout_s": 300}
    campaign = await lab.campaign(groups, **thresholds)
    await lab.at_work(campaign, 0, within_s)
    await asyncio.to_thread(harm.kill_and_start, lab.server(name))
    status, reason = await lab.ended(campaign, within_s)
    await lab.settled(within_s)
    wrong = [each for each in lab.wrong(campaign) if "jobs for" not in each]  # those after it should get none
    took = sum(len(device.jobs) > began_before[device.id] for device in lab.fleet.devices)
    lab.say(f"halt: {reason}; {took} of {len(lab.fleet.devices)} devices got the bad release")
    if status != "HALTED":
        wrong.append(f"campaign {campaign} is {status}, and not halted: {reason}")
    if took > -(-len(lab.fleet.devices) // 20):
        wrong.append(f"{took} devices got the bad release, more than the canary group has")
    return _outcome(lab, f"halt, {name} killed", begun, before, status, took, wrong)


def _outcome(
    lab: Lab, name: str, begun: float, before: dict, status: str, jobs: int, wrong: list[str]
) -> Outcome:
    counts = lab.fleet.world.counts
    with lab.rows() as connection:
        acted = checks.leaders(connection)
    since = {key: counts[key] - before.get(key, 0) for key in ("connected", "said again")}
    wrong += [f"{key}: {count}" for key, count in counts.items() if key.startswith(("died", "foreign"))]
    seconds = time.monotonic() - begun
    return Outcome(name, seconds, status, jobs, acted, since["connected"], since["said again"], wrong)
