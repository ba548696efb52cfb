"""A fleet for the embedded cloud that runs in a data folder."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import Progress

from cloud import pki
from cloud.embedded.material import Material
from cloud.processes import running
from tools.fleet import identities, view
from tools.fleet.device import Timing
from tools.fleet.fleet import Fleet
from tools.fleet.link import Where

ARRIVALS_PER_S = 300  # a fleet that is switched on; `at_once` is the storm


class NoCloud(Exception):
    """Nothing runs in the data folder."""


@dataclass
class Wanted:
    data: Path
    count: int
    parts: dict[str, int]
    timing: Timing
    prefix: str = "sim"
    claims: bool = False
    fetch: bool = False
    seed: int = 1


async def run(wanted: Wanted, seconds: float, quiet: bool = False) -> dict:
    """What became of it. Raises NoCloud, TooMany, and what the cloud refuses."""
    cloud = running(wanted.data)
    if cloud is None:
        raise NoCloud(f"nothing runs in {wanted.data}; start it with: fieldrec cloud up --data {wanted.data}")
    console = Console(stderr=quiet)
    with view.bars(console) as progress:
        made = await enrol(wanted, cloud, progress)
        broker = urlsplit(cloud["urls"]["mqtt"])
        where = Where(broker.hostname or "127.0.0.1", broker.port or 8883, cloud["ca"])
        fleet = Fleet(where, made, wanted.parts, wanted.timing, wanted.seed)
        async with AsyncExitStack() as stack:
            if wanted.fetch:
                await stack.enter_async_context(fleet.fetching(cloud["ca"]))
            await stack.enter_async_context(fleet.running(over_s=wanted.count / ARRIVALS_PER_S))
            with suppress(asyncio.CancelledError):  # Ctrl-C: enough has been seen
                await view.follow(fleet, progress, seconds)
            found = view.as_dict(fleet)
    console.print(view.summary(fleet))
    return found


async def enrol(wanted: Wanted, cloud: dict, progress: Progress) -> list[identities.Identity]:
    ids, made = identities.names(wanted.count, wanted.prefix), Material(wanted.data)
    bar = progress.add_task("enrolled", total=wanted.count)

    def each() -> None:
        progress.advance(bar)

    if wanted.claims:
        url, token = cloud["urls"]["registration"], made.secret("admin-token")
        return await identities.by_claims(url, cloud["ca"], token, ids, each)
    found = await asyncio.to_thread(identities.sign, ids, pki.load_authority(made.ca, made.ca_key), each)
    port, password = cloud["ports"]["postgres"], made.secret("postgres")
    await asyncio.to_thread(
        identities.store, f"postgresql://fieldrec:{password}@127.0.0.1:{port}/fieldrec", found
    )
    return found
