"""The pages and /api: what may be asked for, and the answers."""

import json
import os
from time import ticks_ms

from microdot import Microdot, Request, Response

from app import config, states
from app.settings import TABLE
from app.web import files
from app.web.gate import Refused
from bootloader import bootctl
from wire.recordings import BYTES_PER_MS

_COOKIE = "fieldrec"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TYPES = {"html": "text/html", "js": "text/javascript"}
_OPEN = ("/", "/page.js", "/views.js", "/api/hello", "/api/login")
_MAX_NETWORKS = 20


class Site:
    """`web`: a Microdot application."""

    def __init__(self, app, page, gate):
        self._app, self._page, self._gate = app, page, gate
        # what the answers need beside: a request is small, whatever a client announces
        Request.max_content_length = Request.max_body_length = 512
        Request.max_readline = 1024
        self.web = Microdot()
        self.web.options_handler = None  # which would answer before the gate
        self.web.before_request(self._admit)
        self.web.after_request(self._finish)
        self.web.after_error_request(self._finish)
        for method, path, handler in self._routes():
            self.web.route(path, methods=[method])(_answering(handler))

    def _routes(self):
        return (
            ("GET", "/", lambda request: self._file(request, "index.html")),
            ("GET", "/page.js", lambda request: self._file(request, "page.js")),
            ("GET", "/views.js", lambda request: self._file(request, "views.js")),
            ("GET", "/api/hello", self.hello),
            ("POST", "/api/login", self.login),
            ("POST", "/api/logout", self.logout),
            ("GET", "/api/status", self.status),
            ("GET", "/api/settings", self.settings),
            ("POST", "/api/settings", self.change),
            ("GET", "/api/wifi", self.networks),
            ("POST", "/api/wifi", self.join),
            ("GET", "/api/recordings", self.recordings),
            ("GET", "/api/recordings/<session>", self.recording),
            ("GET", "/api/recordings/<session>/<name>", self.download),
            ("GET", "/api/log", self.log),
            ("GET", "/api/firmware", self.firmware),
        )

    # -- around each request

    def _admit(self, request):
        host, csrf = request.headers.get("Host", ""), request.headers.get("X-CSRF", "")
        try:
            self._gate.check(host, request.method, request.path in _OPEN, _session(request), csrf)
        except Refused as refused:
            return _refusal(refused)

    async def _finish(self, request, response):
        for name, value in _HEADERS.items():
            response.headers[name] = value
        if response.status_code == 413:
            await request.sock[0].skip(min(request.content_length, 16384))

    # -- signing in

    def hello(self, request):
        csrf = self._gate.csrf(_session(request))
        return {
            "v": 1, "device": self._page.device_id, "where": self._page.where, "signed_in": bool(csrf),
            "csrf": csrf or self._gate.hello, "locked_s": self._gate.locked_s(),
            "closes_in_s": self._page.closes_in_s(),
        }  # fmt: skip

    def login(self, request):
        try:
            token, csrf = self._gate.sign_in(_fields(request).get("pin"))
        except Refused as refused:
            self._app.log.warning(f"local page: {refused.words}")
            raise
        self._app.log.info("local page: signed in")
        cookie = f"{_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
        return {"v": 1, "csrf": csrf}, 200, {"Set-Cookie": cookie}

    def logout(self, request):
        self._gate.sign_out(_session(request))
        return {"v": 1}

    # -- the device

    def status(self, request):
        status = self._app.online.status()
        status.update(
            v=1, device=self._page.device_id, private=self._app.settings.private,
            ssid=self._app.settings.wifi_ssid, charging=self._app.board.power.external(),
            recording_s=self._recorded_s() if self._is_recording() else None,
        )  # fmt: skip
        return status

    def _recorded_s(self):
        return self._app.recorder.offset_bytes(ticks_ms()) // (BYTES_PER_MS * 1000)

    def firmware(self, request):
        record = bootctl.load()
        return {
            "v": 1, "versions": self._app.versions, "slot": self._app.online.slot, "state": record["state"],
            "tries_left": record["tries_left"], "reason": record["reason"],
            "security_floor": record["security_floor"], "slots": [_slot("a"), _slot("b")],
        }  # fmt: skip

    def log(self, request):
        entries = files.lines("/data/log.txt", self._app.log.lines())
        return _streamed(request, files.json_list("lines", entries))

    # -- settings

    def settings(self, request):
        return _streamed(request, files.json_list("settings", self._settings()))

    def _settings(self):
        for name in sorted(TABLE):
            default, valid = TABLE[name][0], TABLE[name][2]
            value = getattr(self._app.settings, name)
            if name == "wifi_key":
                value = None if value else ""  # it goes in, and never out
            yield {"name": name, "value": value, "default": default, "valid": valid}

    def change(self, request):
        fields = _fields(request)
        self._set((fields.get("name"), fields.get("value")))
        if fields["name"] in ("wifi_ssid", "wifi_key"):
            self._page.rejoin()
        return {"v": 1}

    def _set(self, *pairs):
        """All of the settings or none."""
        try:
            for name, value in pairs:
                self._app.settings.check(name, value)
        except ValueError as error:
            raise Refused(422, str(error)) from None
        for name, value in pairs:
            if getattr(self._app.settings, name) != value:
                self._app.settings.change(name, value)
                self._app.log.info(f"local page: {name} changed")
        self._app.effects.show()

    # -- WiFi

    def networks(self, request):
        if self._app.machine.state != states.IDLE:
            raise Refused(409, "a scan would disturb the recording")
        found: dict = {}
        for ssid, dbm, locked in self._app.board.radio.scan():
            name = _text(ssid)
            if name and dbm > found.get(name, (-999,))[0]:
                found[name] = (dbm, locked)
        best = sorted(found, key=lambda name: -found[name][0])[:_MAX_NETWORKS]
        networks = [{"ssid": n, "dbm": found[n][0], "locked": found[n][1]} for n in best]
        return {"v": 1, "networks": networks, "ssid": self._app.settings.wifi_ssid}

    def join(self, request):
        fields = _fields(request)
        self._set(("wifi_ssid", fields.get("ssid")), ("wifi_key", fields.get("key")), ("wifi_on", True))
        self._page.rejoin()
        return {"v": 1, "ssid": self._app.settings.wifi_ssid}

    # -- recordings

    def recordings(self, request):
        entries = files.sessions(self._app.board.storage())
        return _streamed(request, files.json_list("recordings", entries))

    def recording(self, request, session):
        path = self._find(session)
        return _streamed(request, files.json_list("files", files.files(path)))

    def download(self, request, session, name):
        path = self._find(session, name)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(os.stat(path)[6]),
            "Content-Disposition": f'attachment; filename="{session}-{name}"',
        }
        return _streamed(request, files.pieces(path), headers)

    def _find(self, *names):
        """The path of what is there; the recording that goes on is not read."""
        try:
            path = files.path(self._app.board.storage(), *names)
            os.stat(path)
        except (OSError, ValueError):
            raise Refused(404, "no such recording") from None
        if self._is_recording() and path.startswith(self._app.recorder.folder):
            raise Refused(409, "this recording goes on")
        return path

    def _is_recording(self):
        return self._app.machine.state == states.RECORD

    def _file(self, request, name):
        path = f"/{self._app.online.slot}/app/web/{name}"
        headers = {"Content-Type": _TYPES[name.split(".")[-1]], "Content-Length": str(os.stat(path)[6])}
        return _streamed(request, files.pieces(path), headers)


def _streamed(request, body, headers=None):
    """The generator is closed with the connection, however that ends."""
    request.sock[1].body = body
    return Response(body, headers=headers or {"Content-Type": "application/json"})


def _session(request):
    return request.cookies.get(_COOKIE, "")


def _fields(request):
    """The JSON object of a request; Refused if there is none."""
    try:
        fields = request.json
    except (ValueError, RuntimeError):  # the latter: nested too deeply
        fields = None
    if type(fields) is not dict:
        raise Refused(400, "a JSON object is wanted")
    return fields


def _answering(handler):
    """The handler, with Refused as an answer."""

    def answer(request, **names):
        try:
            return handler(request, **names)
        except Refused as refused:
            return _refusal(refused)

    return answer


def _refusal(refused):
    fields = refused.fields
    fields.update(v=1, error=refused.words)
    return fields, refused.status


def _text(ssid):
    """ "" for a name that is no text."""
    try:
        return ssid.decode()
    except UnicodeError:
        return ""


def _slot(name):
    """Version of a slot, from the end of its manifest: that is canonical JSON, too long to be parsed here."""
    path = f"/{name}/manifest.json"
    if not config.exists(path) or not config.exists(f"/{name}/seal"):
        return {"slot": name, "version": None}
    with open(path, "rb") as file:
        file.seek(max(0, os.stat(path)[6] - 200))
        end = file.read().split(b'"security_version":')[-1]
    tail = json.loads(b'{"security_version":' + end)
    return {"slot": name, "version": tail["version"], "security_version": tail["security_version"]}
