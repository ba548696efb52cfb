"""The local page: the WiFi key opens it for ten minutes, where the station is or as an access point of its own.

    key    |‾| (WiFi on)
    where      - joining, 25 s at most -| station, or else point ............................| nowhere
    open       |<------------------------------ 10 min, or until the key ---------------------->|

What serves it (app/web, microdot) is loaded while it is open only.
"""

import asyncio
import gc
import sys

from micropython import const

from app import config, states, uptime
from bootloader.modules import unload

_OPEN_MS = const(600_000)
_STATION_MS = const(25_000)  # a board's join takes up to 20 s
_PIN_DIGITS = const(8)
STATION, POINT = "station", "access point"


class Page:
    """`press` by the key; `look` once a second does the rest."""

    def __init__(self, app, device_id, root=""):
        self.device_id = device_id
        self.where = None  # it is served: None, STATION or POINT
        self._app, self._root = app, root
        self._closes_ms = None
        self._station_due_ms = 0  # by then the station has joined its network, or it is given up
        self._rejoin = 0
        self._gate = None  # PIN, sessions and wrong tries of this opening
        self._loaded = False
        self._task = None
        self._fault = None

    @property
    def is_open(self):
        return self._closes_ms is not None

    def closes_in_s(self):
        return max(0, self._closes_ms - uptime.ms()) // 1000 if self.is_open else 0

    def press(self, on):
        """Open for ten minutes from now, or close. Sessions and wrong PINs of before are forgotten."""
        self._closes_ms = uptime.ms() + _OPEN_MS if on else None
        self._station_due_ms = uptime.ms() + _STATION_MS
        self._gate = None

    def rejoin(self):
        """The station's network has changed: leave the old one, once the answer is out."""
        self._rejoin = 2
        self._station_due_ms = uptime.ms() + _STATION_MS

    @property
    def holds_radio(self):
        """The station must not look for its network now."""
        return self.where == POINT or self._rejoin == 1

    def look(self):
        """Begin, end or move what is served. A fault of the program is raised here."""
        if self._fault:
            raise self._fault
        self._rejoin = max(0, self._rejoin - 1)
        if self._task and self._task.done():
            self._task = self.where = None
        wanted = self._wanted()
        if self._task and wanted != self.where:
            self._task.cancel()  # and is looked at again in a second
        elif wanted and not self._task:
            self._begin(wanted)
        elif self._loaded and not self._task and not self.is_open:
            self._loaded = False
            _unload()

    def _wanted(self):
        """Where it is to be served now."""
        app, now_ms = self._app, uptime.ms()
        if not self.is_open:
            return None
        if now_ms >= self._closes_ms or not app.settings.wifi_on or app.machine.state not in _STATES:
            self._closes_ms = self._gate = None
            return None
        if app.board.radio.connected():
            self._station_due_ms = now_ms + _STATION_MS
            return STATION
        settings = app.settings
        joining = settings.wifi_ssid and not settings.private and now_ms < self._station_due_ms
        return None if joining else POINT

    def _begin(self, where):
        pin = _digits(self._root + "/etc/pin.txt")
        if not pin:
            self._app.log.warning("local page: no PIN of 8 digits in /etc/pin.txt, so it stays closed")
            self._closes_ms = None
            return
        self.where, self._loaded = where, True
        self._task = asyncio.create_task(self._run(where, pin))

    async def _run(self, where, pin):
        try:
            await self._serve(where, pin)
        except (OSError, MemoryError) as error:
            self._app.log.warning(f"local page: {error}")
            self._closes_ms = None
        except Exception as error:  # noqa: BLE001  # raised where it ends the app
            self._fault = error

    async def _serve(self, where, pin):
        from app.web import gate, server, site

        app = self._app
        self._gate = self._gate or gate.Gate(pin)
        address = self._open_point(pin) if where == POINT else app.board.radio.address()
        try:
            self._gate.hosts = (address, "fieldrec.local")
            web = site.Site(app, self, self._gate).web
            serving = server.Server(web.handle_request, self._pause_ms)
            await serving.start()
            app.log.info(f"local page: open at {address} ({where}) for {self.closes_in_s()} s")
            await serving.run()
        finally:
            if where == POINT:
                app.board.radio.close_point()
            app.log.info("local page: closed")

    def _open_point(self, pin):
        """The key of the access point is one of its own, or the PIN."""
        key = config.read(self._root + "/etc/ap.txt").decode().strip() if self._has_key() else pin
        return self._app.board.radio.open_point(f"fieldrec-{self.device_id}"[:32], key)

    def _has_key(self):
        return config.exists(self._root + "/etc/ap.txt")

    def _pause_ms(self):
        """Between two pieces of an answer: a recording's samples and card go first."""
        return 20 if self._app.machine.state == states.RECORD else 0


_STATES = (states.IDLE, states.RECORD)


def _digits(path):
    """The PIN in a file; "" if there is none of 8 digits or more."""
    pin = config.read(path).decode().strip() if config.exists(path) else ""
    return pin if pin.isdigit() and len(pin) >= _PIN_DIGITS else ""


def _unload():
    unload(*[name for name in sys.modules if name.split(".")[0] == "microdot" or name.startswith("app.web")])
    gc.collect()
