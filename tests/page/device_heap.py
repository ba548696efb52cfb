"""Prints as JSON what the open page takes of the heap, and what is left of it after it was closed. In bytes."""

import gc
import json
import sys

import app.page
import board  # noqa: F401  # what the app has loaded anyway
from app import config, settings, states, uptime  # noqa: F401
from bootloader import bootctl, hmac  # noqa: F401


def taken():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


class Page:
    device_id = "dev-0001"


def opened():
    from app.web import gate, server, site

    made = gate.Gate("20250731")
    return made, server.Server(site.Site(None, Page(), made).web.handle_request, None)


def measure():
    before = taken()
    kept = opened()
    after = taken()
    del kept
    app.page._unload()
    left = taken() - before
    again = opened()
    del again
    app.page._unload()
    return {"open": after - before, "left": left, "left_again": taken() - before}


measured = measure()
assert "microdot" not in sys.modules and "app.web.site" not in sys.modules
print(json.dumps(measured))
