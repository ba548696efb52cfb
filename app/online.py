"""The app's side of the network: what `app.network` needs to know, and when it runs."""

import asyncio
import gc

from micropython import const

from app import states, uptime
from app.tidy import Tidy

_BUFFER_BYTES = const(4096)
_EARLY_EVENTS = const(8)


class Online:
    """`app.network.Network`'s `ctx`, from the parts of an `app.main.App`."""

    root = ""

    def __init__(self, app, device, slot):
        self._app = app
        self.device = device
        self.versions = app.versions
        self.slot = slot
        self.buffer = None
        self.network = None  # from when it is wanted first: it is big
        self._early: list = []
        self._task = None
        self._fault = None

    def look(self):
        """Once a second: the network's task runs while it is wanted. Its fault is raised here."""
        if self._fault:
            raise self._fault
        if self.wanted() and not self._task:
            self.open()
            self._task = asyncio.create_task(self._run())
        elif self._task and not self.wanted():
            self._task.cancel()
            self._task = None
            self._app.board.radio.off()

    def open(self):
        """Load the network, unless it is."""
        if self.network:
            return
        with Tidy():
            from app.network import Network

            self.buffer = bytearray(_BUFFER_BYTES)
            self.network = Network(self)
        for kind, fields in self._early:
            self.network.event(kind, **fields)
        self._early.clear()

    def event(self, kind, **fields):
        """Tell the cloud, now or once there is a network; of what came before, the first few."""
        if self.network:
            self.network.event(kind, **fields)
        elif len(self._early) < _EARLY_EVENTS:
            self._early.append((kind, fields))

    def tell(self, status, step, progress_pct=0, detail=""):
        """How the update job stands; without a network the boot record says it at the next start."""
        if self.network:
            self.network.jobs.tell(status, step, progress_pct, detail)

    async def _run(self):
        try:
            await self.network.run()
        except Exception as error:  # noqa: BLE001  # raised where it ends the app
            self._fault = error

    @property
    def is_up(self):
        return self._task is not None

    def wanted(self):
        app = self._app
        may = app.settings.wifi_on and app.settings.wifi_ssid and not (app.page and app.page.holds_radio)
        return bool(may) and app.machine.state in (states.IDLE, states.RECORD)

    def reached(self):
        """For the self-test: whether the broker is reached, None if it need not be."""
        return self.network.online() if self.network and self.wanted() else None

    # -- what the network asks

    async def join(self):
        settings = self._app.settings
        if not self._app.board.radio.connected():
            await self._app.board.radio.connect(settings.wifi_ssid, settings.wifi_key)

    async def set_clock(self):
        self._app.board.radio.set_clock()

    def status(self):
        app = self._app
        return {
            "state": app.machine.state,
            "vbat_mv": app.safety.vbat_mv,
            "soc_pct": app.safety.soc_pct,
            "temp_decic": app.safety.temp_decic,
            "versions": app.versions,
            "slot": self.slot,
            "uptime_s": uptime.ms() // 1000,
            "mem_free": gc.mem_free(),
            "counters": self._counters(),
            "fault": app.safety.fault_code,
        }

    def _counters(self):
        recorder = self._app.recorder
        return {
            "sensor_faults": self._app.safety.faults,
            "overruns": recorder.overruns if recorder else 0,
            "overrun_ms": recorder.overrun_ms if recorder else 0,
        }

    def runtime(self):
        return self._app.board.runtime

    def heartbeat_s(self):
        return self._app.settings.heartbeat_s

    def settings(self):
        return self._app.settings

    def indicators(self):
        return self._app.board.indicators

    def show(self):
        self._app.effects.show()

    def log_lines(self):
        return self._app.log.lines()

    def private(self):
        return self._app.settings.private

    def defer_reason(self):
        app = self._app
        if app.machine.state != states.IDLE:
            return f"state {app.machine.state}"
        if app.settings.private:
            return "private mode"
        vbat_mv = app.safety.vbat_mv
        if vbat_mv is None:
            return "battery unknown"
        if vbat_mv < app.settings.update_min_mv and not app.board.power.charger_present():
            return f"battery {vbat_mv} mV"
        return None

    def reset(self, reason):
        self._app.restart(reason)

    def log(self, text):
        self._app.log.info(text)
