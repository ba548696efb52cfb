"""The app: its parts put together, and the main loop that samples, sleeps and feeds the watchdog."""

import asyncio
import gc
import sys
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from app import config, states
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
        self.recorder = None  # from the first recording on
        self.effects = Effects(self)
        self.machine = states.Machine(decision["state"], self.effects, self.log)
        self.discharge = Discharge(board.load, self.machine.fire, self.log)
        self.safety = Safety(board, self.settings, self.machine, self.discharge, self.log)
        runtime = ".".join(str(n) for n in sys.implementation.version[:3])
        self.versions = {"app": slot.version, "runtime": runtime}
        self.online = Online(self, device, slot.slot)
        self._turns = 0
        self._tasks: dict = {}

    async def run(self):
        """For ever, once a second: sample, decide, feed the watchdog. Keys wake tasks of their own."""
        self.machine.start()
        for name, key in self.board.keys.items():
            watch = KeyWatch(name, key, self.machine, self.board.indicators, name == slot.decision["wake"])
            self._tasks[name] = asyncio.create_task(watch.run())
        trying = asyncio.create_task(self._trial())
        due_ms = ticks_ms()
        while True:
            self.safety.sample(due_ms)
            self.online.look()
            self._check_tasks()
            self._turns += 1
            self.board.watchdog.feed()
            due_ms = ticks_add(due_ms, _LOOP_MS)
            await self._pause(due_ms, trying.done())

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
        idle = self.machine.state == states.IDLE and not self.online.is_up
        return idle and quiet and not self.board.power.external()

    async def _trial(self):
        """A version on trial is kept if it passes its self-test; else the one before comes back."""
        if bootctl.load()["state"] != "trial":
            return
        from app import selftest, trial

        subject = selftest.Subject(
            self.board.gauge,
            self.board.thermistor,
            self.board.storage,
            lambda: self._turns,
            self.online.reached,
        )
        if await trial.judge(subject, slot.security_version, self.online, self.restart) == "confirmed":
            self.log.info(f"version {self.versions['app']} confirmed")

    def _check_tasks(self):
        for name, task in self._tasks.items():
            if task.done():
                self.restart(f"task {name} ended")

    def open_recorder(self):
        """The recorder, loaded when it is needed first."""
        if self.recorder is None:
            from app.recorder import Recorder

            board = self.board
            self.recorder = Recorder(board.mic, board.storage, self.settings, self.log, self.recording_failed)
        return self.recorder

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
    app.online.event("boot", **slot.decision)
    app.log.info(f"app {app.versions['app']} in slot {slot.slot}, state {slot.decision['state']}")
    try:
        asyncio.run(app.run())
    except KeyboardInterrupt:  # from the serial port
        app.effects.leave(app.machine.state)
        raise
    except Exception as error:  # noqa: BLE001  # a fault of the program: told, and then a clean start
        sys.print_exception(error)
        app.restart(f"{type(error).__name__}: {error}")
