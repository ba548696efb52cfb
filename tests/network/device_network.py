"""Run by test_network.py inside MicroPython: a device, its hardware described in a file, from boot to reset.

Lines of JSON. Lines on stdin change what the hardware says: {"private": true}.
"""

import asyncio
import json
import sys

from app import config, selftest, trial
from app.network import Network
from app.race import race
from app.settings import Settings
from board.errors import SensorError
from bootloader import bootctl


def say(**what):
    print(json.dumps(what))


class Gauge:
    """A part of a described device; it can be described as broken."""

    def __init__(self, told):
        self._told = told

    def read(self):
        if self._told["gauge_mv"] is None:
            raise SensorError("gauge does not answer at 0x36")
        return self._told["gauge_mv"], 50

    def read_decic(self):
        return 250


class Context:
    def __init__(self, told):
        self.told = told
        self.root = told["root"]
        self.device = config.device(self.root)
        self.buffer = bytearray(4096)
        self.restart = asyncio.Event()
        self.kept = Settings(self, self.root)
        self.slot, record = bootctl.next_boot(bootctl.load(self.root))
        bootctl.save(record, self.root)
        self.manifest = config.read_json(f"{self.root}/{self.slot}/manifest.json")
        self.versions = {"app": self.manifest["version"], "runtime": "1.29.0"}

    async def join(self):
        say(joined=True)

    async def set_clock(self):
        raise OSError("no time server")

    def status(self):
        return {
            "state": "IDLE",
            "vbat_mv": self.told["gauge_mv"],
            "slot": self.slot,
            "versions": self.versions,
        }

    def runtime(self):
        return None

    def settings(self):
        return self.kept

    def log_lines(self):
        return ["1.000 a line"]

    def indicators(self):
        return self

    def show(self, state=None, record=None):
        say(shows=[state, record])

    def vibrate(self, on):
        say(vibrates=on)

    def heartbeat_s(self):
        return 1

    def private(self):
        return self.told["private"]

    def defer_reason(self):
        return self.told["defer"]

    def reset(self, reason):
        say(reset=reason)
        self.restart.set()

    def warning(self, text):
        say(log=text)

    info = warning

    def log(self, text):
        say(log=text)


async def listen(told):
    """Changes from the test."""
    reader = asyncio.StreamReader(sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            return
        told.update(json.loads(line))


async def main(path):
    ctx = Context(config.read_json(path))
    net = Network(ctx)
    net.event("boot", reason="power-on")
    gauge = Gauge(ctx.told)
    subject = selftest.Subject(gauge, gauge, lambda: ctx.root + "/data", lambda: 0, net.online)
    checks = [check for check in selftest.CHECKS if check[0] != "main loop"]  # 30 s; it has a test of its own

    async def judged():
        verdict = await trial.judge(
            subject, ctx.manifest["security_version"], net.jobs, ctx.reset, ctx.root, checks
        )
        say(trial=verdict, record=bootctl.load(ctx.root)["state"])
        await asyncio.sleep(60)

    name, error = await race(
        net=net.run(), trial=judged(), restart=ctx.restart.wait(), listen=listen(ctx.told)
    )
    say(ended=name)
    if error:
        raise error


asyncio.run(main(sys.argv[1]))
