"""A reconnect storm: all devices at once after the broker was killed, until the last one is online.

`python -m tests.fleet.storm --devices 20000 --broker mosquitto`. Open files limit what a broker can hold: where they
don't suffice for the devices asked for, as many as they allow take part, and that is said.
"""

import argparse
import asyncio
import resource
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cloud.processes import Cloud
from tests.cloud_fixtures import running_cloud
from tests.faults import harm
from tests.faults.lab import enrolled
from tools.fleet import identities, view
from tools.fleet.device import Timing
from tools.fleet.fleet import SPARE_FILES, Fleet
from tools.fleet.link import Where

WITHIN_S = 1800.0
STEP_S = 0.5


def rss_mib(pid: int | str = "self") -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def online(fleet: Fleet, progress: Progress, words: str) -> list[float]:
    """Seconds until each share of 10 % was online, counted from now."""
    bar = progress.add_task(words, total=len(fleet.devices))
    begun, before = time.monotonic(), fleet.world.counts["connected"]
    tenths: list[float] = []
    while len(tenths) < 10:
        there = min(fleet.online, fleet.world.counts["connected"] - before)  # not those that don't know yet
        progress.update(bar, completed=there)
        while len(tenths) < 10 and there * 10 >= len(fleet.devices) * (len(tenths) + 1):
            tenths.append(time.monotonic() - begun)
        if time.monotonic() - begun > WITHIN_S:
            raise TimeoutError(f"{there} of {len(fleet.devices)} online after {WITHIN_S:.0f} s")
        await asyncio.sleep(STEP_S)
    return tenths


async def storm(cloud: Cloud, count: int, console: Console) -> list[tuple[str, str]]:
    """Rows of what was measured."""
    (broker,) = [each for each in cloud.servers if each.name == "broker"]
    made = await asyncio.to_thread(enrolled, cloud, identities.names(count, "storm"))
    before_mib = rss_mib()
    timing = Timing(heartbeat_s=300, keepalive_s=240, connect_timeout_s=240.0, at_once=True)
    fleet = Fleet(Where("127.0.0.1", cloud.ports["broker"], str(cloud.ca)), made, None, timing)
    with view.bars(console) as progress:
        async with fleet.running():
            first = await online(fleet, progress, "first time")
            device_kib = (rss_mib() - before_mib) * 1024 / count
            connected = fleet.world.counts["connected"]
            await asyncio.to_thread(harm.kill_and_start, broker)
            again = await online(fleet, progress, "after the restart")
            assert broker.process
            broker_mib = sum(rss_mib(pid) for pid in harm.family(broker.process.pid))
            lost = {
                key: n
                for key, n in fleet.world.counts.items()
                if key.startswith("lost") and "broker" not in key
            }
    return [
        ("devices", str(count)),
        ("all online for the first time", f"{first[-1]:.0f} s"),
        ("half online again after the broker's restart", f"{again[4]:.0f} s"),
        ("last one online again", f"{again[-1]:.0f} s"),
        ("welcomed a second", f"{count / again[-1]:.0f}"),
        ("slowest tenth over mean tenth", f"{_worst(again):.1f}"),
        ("connections in the storm", str(fleet.world.counts["connected"] - connected)),
        ("failed attempts", ", ".join(f"{key}: {n}" for key, n in lost.items()) or "none"),
        ("memory a simulated device", f"{device_kib:.0f} KiB"),
        ("broker's memory", f"{broker_mib:.0f} MiB"),
    ]


def _worst(tenths: list[float]) -> float:
    steps = [later - earlier for earlier, later in zip([0.0, *tenths], tenths, strict=False)]
    return max(steps) / statistics.mean(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--broker", default="", help="embedded (default) or mosquitto")
    given, console = parser.parse_args(), Console()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES
    count = min(given.devices, most)
    if count < given.devices:
        console.print(
            f"{given.devices} devices need more open files than the {most} allowed: {count} take part"
        )
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (count + SPARE_FILES, count + SPARE_FILES)
    )  # the broker's, too
    options = {"broker": given.broker} if given.broker else {}
    with running_cloud("registration", "ota", **options) as cloud:
        for what, measured in asyncio.run(storm(cloud, count, console)):
            console.print(f"{what:48} {measured}")


if __name__ == "__main__":
    main()
