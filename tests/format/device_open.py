"""Run by test_on_a_device.py inside MicroPython: opens the release on a server; a JSON line tells what it is."""

import asyncio
import json
import sys

from app import config, http, opening, tls, update
from app.outcomes import UpdateError
from app.source import Source
from bootloader import bootctl, trust


async def main(path):
    options = config.read_json(path)
    root, job = options["root"], options["job"]
    device = update.Device("virtual", options["versions"], "a", never, bytearray(4096), root)
    client = http.Client(tls.context(config.read(options["ca"])), 2000)
    source = Source(client, job["url"], device.buffer, never, None)
    try:
        found = await opening.open_release(source, device, job, bootctl.load(root))
        words = "taken " + found[0]["version"]
    except UpdateError as error:
        words = type(error).__name__ + ": " + str(error)
    finally:
        await client.close()
    print(json.dumps([words, trust.open_keyring(root)["version"]]))


def never():
    return None


asyncio.run(main(sys.argv[1]))
