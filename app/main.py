"""The app: its parts put together, and the main loop that samples, sleeps and feeds the watchdog."""

import asyncio
import gc
import sys
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from app import config, states, unfinished
from app.discharge import Discharge
from app.effects import Effects
from app.gestures import KeyWatch
from app.log import Log
from app.online import Online
from app.safety import Safety
from app.settings import Settings
from board.parts import load
from bootloader import bootctl
from bootloader import start as slot

_LOOP_MS = const(1000)


class App:
    def __init__(self, board, device, decision):
        self.board = board
        self.log = Log()
        self.settings = Settings(self.log)
        self.recorder = self.pre_event = None  # from when they are wanted first
        self.page = None  # from the first press of its key on
        self.effects = Effects(self)
        self.machine = states.Machine(decision["state"], self.effects, self.log)
        self.discharge = Discharge(board.load, self.machine.fire, self.log)
        self.device_id = device["id"]
        board.torn = unfinished.folders
        self.versions = {"app": slot.version, "runtime": board.runtime_version()}
        self.online = Online(self, device, slot.slot)
        self.safety = Safety(board, self.settings, self.machine, self.discharge, self.log, self.online.event)
        self._turns = 0
        self._tasks: dict = {}

    async def run(self):
        """For ever, once a second: sample, decide, feed the watchdog. Keys wake tasks of their own."""
        self.machine.start()
        for name, key in self.board.keys.items():
            watch = KeyWatch(name, key, self.machine, self.board.indicators, name == slot.decision["wake"])
            self._tasks[name] = asyncio.create_task(watch.run())
        trying, mending = asyncio.create_task(self._trial()), asyncio.create_task(self._mend())
        due_ms = ticks_ms()
        while True:
            self.safety.sample(due_ms)
            self.online.look()
            if self.page:
                self.page.look()
            settled = trying.done() and mending.done()
            if settled:
                self._listen()
            self._check_tasks()
            self._turns += 1
            self.board.watchdog.feed()
            due_ms = ticks_add(due_ms, _LOOP_MS)
            await self._pause(due_ms, settled)

    async def _pause(self, due_ms, settled):
        """Until the next turn. The processor sleeps if nothing but a key is waited for."""
        left_ms = max(0, ticks_diff(due_ms, ticks_ms()))
        if settled and self._may_sleep():
            self.board.power.light_sleep(left_ms)
            for key in self.board.keys.values():
                key.look()
            left_ms = max(0, ticks_diff(due_ms, ticks_ms()))
        await asyncio.sleep_ms(left_ms)

    def _may_sleep(self):
        quiet = all(key.quiet for key in self.board.keys.values())
        silent = not self.online.is_up and not (self.page and self.page.is_open)
        idle = self.machine.state == states.IDLE and silent
        listens = self.pre_event is not None and self.pre_event.listens
        return idle and quiet and not listens and not self.board.power.external()

    def _listen(self):
        """Sound is kept before a recording while that is wanted."""
        if self.pre_event is None:
            settings = self.settings
            powered = settings.pre_event_on_battery or self.board.power.external()
            if not (settings.pre_event_s and powered):
                return
            from app.preevent import PreEvent

            self.pre_event = PreEvent(self)
        self.pre_event.look()

    async def _mend(self):
        """Recordings that a pulled battery left open are closed."""
        current = self.recorder and self.recorder.folder
        if [folder for folder in unfinished.folders() if folder != current]:
            from app import repair

            await repair.repair_all(self.board.storage(), current, self.log)

    async def _trial(self):
        """A version on trial is kept if it passes its self-test; else the one before comes back."""
        kind = bootctl.on_trial(bootctl.load())
        if not kind:
            return
        from app import selftest, trial

        subject = selftest.Subject(
            self.board.gauge,
            self.board.thermistor,
            self.board.storage,
            lambda: self._turns,
            self.online.reached,
        )
        verdict = await trial.judge(
            subject, slot.security_version, self.online, self.restart, runtime=self.board.runtime
        )
        if verdict == "confirmed":
            what = "version" if kind == "app" else "runtime"
            self.log.info(f"{what} {self.versions[kind]} confirmed")

    def _check_tasks(self):
        for name, task in self._tasks.items():
            if task.done():
                self.restart(f"task {name} ended")

    def open_recorder(self):
        """The recorder, loaded when it is needed first."""
        if self.recorder is None:
            from app.recorder import Recorder

            self.recorder = Recorder(self)
        return self.recorder

    def open_page(self):
        """The local page, loaded when its key is pressed first."""
        if self.page is None:
            from app.page import Page

            self.page = Page(self, self.online.device["id"])
        return self.page

    def recording_failed(self, text):
        self.log.warning(text)
        self.machine.fire(("storage failed",))

    def restart(self, reason, state=None):
        """Reset; the next start goes on in `state`, or in this one."""
        self.log.info(f"reset: {reason}")
        self.effects.leave(self.machine.state)
        self.board.memory.update(state=state or self.machine.state, reset_reason=reason)
        self.log.keep()
        self.board.power.reset()


def start():
    """Called by the SPL's `start`, with the slot on the path."""
    gc.collect()
    device = config.device()
    board = load(device["board"])
    key = board.keys.get(slot.decision["wake"])
    if key:
        pressed_ms = slot.decision[
            "pressed_ms"
        ]  # in ticks of this start; until its release the hold is no gesture
        key.pressed_since(ticks_ms() if pressed_ms is None else pressed_ms)
    app = App(board, device, slot.decision)
    gc.threshold(-1)  # all that stays is loaded
    app.online.event("boot", **slot.decision)
    app.log.info(f"app {app.versions['app']} in slot {slot.slot}, state {slot.decision['state']}")
    try:
        asyncio.run(app.run())
    except KeyboardInterrupt:  # from the serial port
        app.effects.leave(app.machine.state)
        app.log.keep()
        raise
    except Exception as error:  # noqa: BLE001  # a fault of the program: told, and then a clean start
        sys.print_exception(error)
        app.restart(f"{type(error).__name__}: {error}")
