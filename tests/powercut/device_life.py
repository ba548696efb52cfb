"""One start of the device after another: the chip's second stage and the firmware's own functions, in their order.

What is left out is the SPL's measuring and the slot's own copy of the code; tests/powercut/boards.py has both.
The person who uses it changes a setting before the update and another one after it.
"""

import asyncio
import builtins
import sys

import ota  # type: ignore[import-not-found]
import otadata  # type: ignore[import-not-found]
import sim  # type: ignore[import-not-found]
from micropython import const

from app import selftest, trial, update, uptime
from app.jobs import Jobs
from app.log import Log
from app.settings import Settings
from board import runtime
from bootloader import bootctl, decide, spl, start
from tests.powercut import device_flash

_LATE = (
    "app.fill",
    "app.opening",
    "app.runtime",
    "bootloader.comb",
    "bootloader.runtime",
    "bootloader.slots",
)
_KEPT = {}  # by the firmware loaded when they are needed, and unloaded: the host's files are out of sight then
_import = builtins.__import__


def _import_kept(name, *rest):
    if name in _KEPT:
        sys.modules[name] = _KEPT[name]
    return _import(name, *rest)


for _name in _LATE:
    __import__(_name)
    _KEPT[_name] = sys.modules[_name]
builtins.__import__ = _import_kept

_MOST_STARTS = const(24)
_START_MS = const(900_000)  # of the board's time
_BOARD = "virtual"
_BUFFER = bytearray(4096)
_STORAGE = next(check for check in selftest.CHECKS if check[0] == "storage")
CHANGES = (("heartbeat_s", 30), ("segment_s", 120))  # what is set, before the update and after it


class Bricked(Exception):
    """What must not be; the text says what it is."""


async def _fails(subject):
    return "the gauge of this version is dead"


_CHECKS = {"good": (_STORAGE,), "bad": (_STORAGE, ("gauge", _fails))}


class _Reset(BaseException):
    """The board was reset by the SPL, which goes no further."""


class _Power:
    def reset(self):
        raise _Reset


class _Board:
    """What the SPL has of the board when it has measured."""

    def __init__(self):
        self.runtime, self.power = runtime.open_runtime(), _Power()


class Life:
    """A device that is started until the cloud has nothing more for it. `watch` is told of what is promised.

    `first`: what ran first, {"app": version, "runtime": version}.
    """

    def __init__(self, cloud, releases, watch):
        self._cloud, self._releases, self._watch = cloud, releases, watch
        self.first = None

    def live(self):
        """Start again and again. Bricked if it doesn't come to rest."""
        for _ in range(_MOST_STARTS):
            self.start()
            if self._cloud.done.is_set():
                return
        raise Bricked(f"not at rest after {_MOST_STARTS} starts")

    def start(self):
        """From power or a reset to the next reset."""
        device_flash.new_world()
        uptime._uptime_ms = uptime._last = 0  # type: ignore[assignment]
        asyncio.new_event_loop()
        self._watch.starting()
        sim.config["running"] = otadata.boot(ota.Flash(), sim.config["rollback"])
        if sim.config["running"] is None:
            raise Bricked("neither partition holds an image that starts")
        device_flash.mount()
        self._watch.choosing(bootctl.load())
        spl.board, spl.decision = _Board(), {"state": decide.IDLE}
        try:
            if not start.prepare():
                raise Bricked("RECOVERY: no slot boots")
        except _Reset:
            return
        running = {"app": start.version, "runtime": runtime.version()}
        self.first = self.first or running
        self._watch.chosen(start.slot, running)
        App(self._cloud, self._releases, running, self._watch).run()


class App:
    """What app/main, app/online and app/network put together, without the recorder."""

    def __init__(self, cloud, releases, running, watch):
        self._cloud, self._releases, self._running, self._watch = cloud, releases, running, watch
        self._runtime = spl.board.runtime
        self._log = Log()
        self._ended = asyncio.Event()
        self._fault = None

    def run(self):
        asyncio.run(self._run())
        if self._fault:
            raise self._fault

    async def _run(self):
        self._settings = Settings(self._log)
        self._set(0)
        self._jobs = Jobs("dev-0001", self._install, self._reset, self._log.info)
        self._jobs.settle(bootctl.load())
        self._cloud.connect(self._jobs)
        parts = (self._jobs.report(self._cloud), self._jobs.work(self._cloud), self._cloud.serve(), self._trial(),
                 self._rest())  # fmt: skip
        tasks = [asyncio.create_task(self._guarded(part)) for part in parts]
        try:
            await asyncio.wait_for_ms(self._ended.wait(), _START_MS)
        except asyncio.TimeoutError:
            raise Bricked(f"nothing happened for {_START_MS // 1000} s") from None
        for task in tasks:
            task.cancel()

    async def _guarded(self, part):
        try:
            await part
        except Exception as error:  # noqa: BLE001  # raised where the start ends
            self._fault = error
            self._ended.set()

    async def _rest(self):
        """When there is nothing more to do, the person changes the other setting, and it is over."""
        await self._cloud.done.wait()
        await asyncio.sleep_ms(100)  # the end of the last job is kept
        self._set(1)
        self._ended.set()

    async def _trial(self):
        record = bootctl.load()
        kind = bootctl.on_trial(record)
        if not kind:
            return
        release = self._releases[kind, self._running[kind]]
        if release.behaviour == "hangs":
            await asyncio.sleep_ms(100)
            self._ended.set()  # the watchdog
            return
        subject = selftest.Subject(None, None, lambda: "/data", None, None)
        self._watch.judging(release)
        verdict = await trial.judge(
            subject,
            start.security_version,
            self._jobs,
            self._reset,
            "",
            _CHECKS[release.behaviour],
            self._runtime,
        )
        self._watch.judged(release, verdict == "confirmed")

    async def _install(self, job, new_url, progress):
        release = self._cloud.offered

        def told(step, pct):
            self._watch.progress(step, self._running[release.kind], release)
            progress(step, pct)

        device = update.Device(_BOARD, self._running, start.slot, lambda: None, _BUFFER, "", self._runtime)
        await update.install(device, job, self._cloud, new_url, told, log=self._log.info)

    def _set(self, number):
        name, value = CHANGES[number]
        if getattr(self._settings, name) != value:
            self._watch.setting(number)
            self._settings.change(name, value)
            self._watch.was_set(number)

    def _reset(self, reason):
        self._log.info("reset: " + reason)
        self._log.keep()
        self._ended.set()
