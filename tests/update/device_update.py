"""Run by test_update.py inside MicroPython: one update of the device in a folder; JSON lines tell of it."""

import asyncio
import gc
import json
import sys

from app import config, http, tls, update
from app.link import Backoff
from app.outcomes import UpdateError


def say(**what):
    print(json.dumps(what))


async def main(path):
    options = config.read_json(path)
    device = update.Device(
        "virtual", options["versions"], "a", deferrals(options["defer"]), bytearray(4096), options["root"]
    )
    client = http.Client(tls.context(config.read(options["ca"])), options["timeout_ms"])

    async def new_url():
        say(asked="url")
        return options["job"]["url"] + "?fresh"

    def log(text):
        say(log=text)

    def progress(step, pct):
        say(step=step, pct=pct, heap=gc.mem_alloc())

    try:
        result = await update.install(device, options["job"], client, new_url, progress, Backoff(5, 20), log)
        say(version=result.version, slot=result.slot, fetched=result.bytes_fetched, chunks=result.chunks,
            reused=result.chunks_reused)  # fmt: skip
    except UpdateError as error:
        say(error=type(error).__name__, words=str(error))
    finally:
        await client.close()


def deferrals(reasons):
    """One reason (or None) a call, the last one for ever."""
    reasons = list(reasons)
    return lambda: reasons.pop(0) if len(reasons) > 1 else reasons[0]


asyncio.run(main(sys.argv[1]))
