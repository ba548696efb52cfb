"""The app: its parts put together, what the states do on entry and exit, and the main loop that feeds the watchdog."""

import asyncio
import gc
import sys
from time import ticks_diff, ticks_ms

from micropython import const

from app import config, selftest, states, trial
from app.discharge import Discharge
from app.gestures import KeyWatch
from app.log import Log
from app.online import Online
from app.recorder import Recorder
from app.safety import Safety
from app.settings import Settings
from board.parts import load
from bootloader import spl
from bootloader import start as slot

_LOOP_MS = const(1000)
_STALLED_MS = const(5000)


class App:
    """Holds the parts; it is also the effects that the state machine has."""

    def __init__(self, board, device, decision):
        self.board = board
        self.decision = decision
        self.log = Log()
        self.settings = Settings(self.log)
        self.machine = states.Machine(decision["state"], self, self.log)
        self.safety = Safety(board.gauge, board.thermistor, self.machine, self.log)
        self.recorder = Recorder(board.mic, board.storage, self.settings, self.log, self._recording_failed)
        self.discharge = Discharge(board.load, self.safety, self.machine, self.log)
        self.versions = {
            "app": slot.manifest["version"],
            "runtime": ".".join(str(n) for n in sys.implementation.version[:3]),
        }
        self.online = Online(self, device, slot.slot)
        self._turns = 0
        self._beats: dict = {}
        self._tasks: dict = {}

    # -- effects

    def enter(self, state, effect):
        self.board.memory.update(state=state)
        self.online.network.event("transition", to=state)
        _ENTER[state](self, effect)

    def leave(self, state):
        if state == states.RECORD:
            self.recorder.stop()
        elif state == states.DISCHARGE:
            self.discharge.stop()

    def act(self, effect):
        _ACT[effect](self)

    def _enter_idle(self, effect):
        self._show()

    def _enter_record(self, effect):
        kind = "audio" if effect == "record_audio" else "normal"
        try:
            self.recorder.start(kind, self.settings.private, self.versions)
        except OSError as error:
            self._recording_failed(f"recording could not start: {error}")
        self._show()

    def _enter_discharge(self, effect):
        self.discharge.start()
        self._show()

    def _enter_off(self, effect):
        self.board.indicators.show(False, False)
        self.log.keep()
        self.board.power.off()

    def _enter_reset(self, effect):
        self.reset("forced by key", states.IDLE)

    def _recording_failed(self, text):
        self.log.warning(text)
        self.machine.fire(("storage failed",))

    def _toggle_private(self):
        self.settings.change("private", not self.settings.private)
        self.log.info(f"private mode {'on' if self.settings.private else 'off'}")
        self._show()

    def _toggle_wifi(self):
        self.settings.change("wifi_on", not self.settings.wifi_on)
        self.log.info(f"WiFi {'on' if self.settings.wifi_on else 'off'}")

    def _toggle_mute(self):
        self.recorder.mute()
        self.log.info(f"mute {'on' if self.recorder.muted else 'off'}")

    def _bookmark(self):
        self.recorder.bookmark()

    def _show(self):
        """The indicators of the state; dark in private mode."""
        dark = self.settings.private
        state = self.machine.state
        self.board.indicators.show(state == states.IDLE and not dark, state == states.RECORD and not dark)

    def reset(self, reason, state=None):
        """Restart; the next boot goes on in `state`, or in this one."""
        self.log.info(f"reset: {reason}")
        self.leave(self.machine.state)
        self.board.memory.update(state=state or self.machine.state, reset_reason=reason)
        self.log.keep()
        self.board.power.reset()

    # -- the main loop

    async def run(self):
        self.machine.start()
        self._spawn("safety", self.safety.run)
        for name, key in self.board.keys.items():
            self._spawn(name, KeyWatch(name, key, self.machine, self.board.indicators).run)
        self._spawn("online", self.online.run)
        asyncio.create_task(self._trial())
        while True:
            await asyncio.sleep_ms(_LOOP_MS)
            self._turns += 1
            self._check_tasks()
            gc.collect()
            self.board.watchdog.feed()

    async def _trial(self):
        """A version on trial is kept if it passes its self-test; else the one before comes back."""
        subject = selftest.Subject(
            self.board.gauge,
            self.board.thermistor,
            self.board.storage,
            lambda: self._turns,
            self.online.reached,
        )
        jobs = self.online.network.jobs
        if await trial.judge(subject, slot.manifest, jobs, self.reset) == "confirmed":
            self.log.info(f"version {self.versions['app']} confirmed")

    def _spawn(self, name, run):
        """Start a task that must go on: it calls what it is handed to say that it still does."""

        def beat():
            self._beats[name] = ticks_ms()

        beat()
        self._tasks[name] = asyncio.create_task(run(beat))

    def _check_tasks(self):
        """No food for the watchdog unless every task that must go on does."""
        for name, task in self._tasks.items():
            if task.done():
                self.reset(f"task {name} ended")
            if ticks_diff(ticks_ms(), self._beats[name]) > _STALLED_MS:
                self.reset(f"task {name} stalled")


_ENTER = {
    states.IDLE: App._enter_idle,
    states.RECORD: App._enter_record,
    states.DISCHARGE: App._enter_discharge,
    states.OFF: App._enter_off,
    states.RESET: App._enter_reset,
}
_ACT = {
    "toggle_private": App._toggle_private,
    "toggle_wifi": App._toggle_wifi,
    "toggle_mute": App._toggle_mute,
    "bookmark": App._bookmark,
}


def start():
    """Called by the SPL's `start`, with the slot on the path."""
    device = config.device()
    board = load(device["board"])
    key = board.keys.get(spl.decision["wake"])
    if key:
        key.pressed_since(ticks_ms())  # still down; whatever it does until its release is not the app's
    app = App(board, device, spl.decision)
    app.online.network.event("boot", **spl.decision)
    app.log.info(f"app {app.versions['app']} in slot {slot.slot}, state {spl.decision['state']}")
    try:
        asyncio.run(app.run())
    except KeyboardInterrupt:  # from the serial port
        app.leave(app.machine.state)
        raise
