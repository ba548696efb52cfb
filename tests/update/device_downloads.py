"""Run by link_faults.py inside MicroPython: many updates, a few at a time; a JSON line for each that ends."""

import asyncio
import json
import sys

from app import config, http, tls, update
from app.link import Backoff
from app.outcomes import Interrupted, UpdateError

_TIMEOUT_MS = 1000
_AT_A_TIME = 6


async def lane(context, downloads):
    while downloads:
        download = downloads.pop(0)
        print(json.dumps(await outcome(context, download)))


async def outcome(context, download):
    """How the first attempt ended and, if it was interrupted, the next one, over a link without faults."""
    client = http.Client(context, _TIMEOUT_MS)
    said = {"number": download["number"], "first": await attempt(client, download, download["url"])}
    said["fetched"] = client.body_bytes
    if said["first"][0] == Interrupted.__name__:
        said["then"] = await attempt(client, download, download["clean_url"])
    await client.close()
    return said


async def attempt(client, download, url):
    device = update.Device(
        "virtual", download["versions"], "a", lambda: None, bytearray(4096), download["root"]
    )

    async def new_url():
        return url + "?fresh"

    job = {"url": url, "digest": download["digest"], "forced": False, "kind": "app"}
    try:
        await update.install(device, job, client, new_url, nothing, Backoff(4, 32), nothing)
        return "installed", ""
    except UpdateError as error:
        return type(error).__name__, str(error)


def nothing(*_):
    """Progress, and the lines of the log."""


async def main(path):
    plan = config.read_json(path)
    context = tls.context(config.read(plan["ca"]))
    await asyncio.gather(*[lane(context, plan["downloads"]) for _ in range(_AT_A_TIME)])


asyncio.run(main(sys.argv[1]))
