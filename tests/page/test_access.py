"""Who may do what on the local page, asked over HTTP."""

import socket
import time

import httpx
import pytest

from tests.page.conftest import PIN, WRONG, until

GUARDED = ["status", "settings", "wifi", "recordings", "log", "firmware"]
CHANGES = ["settings", "wifi", "logout"]


def address(device) -> tuple[str, int]:
    url = httpx.URL(device.board.page_url)
    return url.host, url.port


def raw(device, data: bytes, wait_s: float = 5) -> bytes:
    """What comes back for bytes that no HTTP client would send, until the device ends the connection."""
    with socket.create_connection(address(device), timeout=wait_s) as line:
        line.sendall(data)
        answer = b""
        try:
            while piece := line.recv(4096):
                answer += piece
        except ConnectionResetError:
            return answer
        return answer


def test_without_the_pin_there_is_nothing_but_the_door(device):
    with device.client() as client:
        assert client.get("/").status_code == client.get("/page.js").status_code == 200
        assert [client.get("/api/" + path).status_code for path in GUARDED] == [401] * len(GUARDED)
        client.csrf = client.get("/api/hello").json()["csrf"]
        assert [client.say(path).status_code for path in CHANGES] == [401] * len(CHANGES)
        cookie = client.sign_in(PIN).headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and len(cookie.split(";")[0]) == 9 + 32
        assert [client.get("/api/" + path).status_code for path in GUARDED] == [200] * len(GUARDED)
        assert client.say("logout").status_code == 200
        assert client.get("/api/status").status_code == 401


def test_five_wrong_pins_lock_until_the_key_is_pressed(device):
    for left in (4, 3, 2, 1, 0):
        with device.client() as anew:  # another connection and another cookie jar change nothing
            answer = anew.sign_in(WRONG)
            assert (answer.status_code, answer.json()["tries_left"]) == (401, left)
    with device.client() as client:
        refused = client.sign_in(PIN)
        assert refused.status_code == 429 and 500 < refused.json()["locked_s"] <= 600
        device.open_page()
        assert client.sign_in(PIN).status_code == 200


def test_a_forged_request_changes_nothing(device, signed_in):
    client = signed_in
    hello = device.client().get("/api/hello").json()["csrf"]
    for token in ("", "0" * 32, hello, client.csrf[:-1]):
        forged = client.post(
            "/api/settings", json={"name": "segment_s", "value": 30}, headers={"X-CSRF": token}
        )
        assert forged.status_code == 403, token
    form = client.post("/api/settings", data={"name": "segment_s", "value": "30"})
    assert form.status_code == 403
    values = {s["name"]: s["value"] for s in client.get("/api/settings").json()["settings"]}
    assert values["segment_s"] == 60


def test_a_name_that_was_rebound_is_not_answered(device, signed_in):
    client = signed_in
    for host in ("evil.example", "evil.example:80", "localhost", "127.0.0.1.evil.example"):
        assert client.get("/api/status", headers={"Host": host}).status_code == 421
        assert client.get("/", headers={"Host": host}).status_code == 421
    assert client.get("/api/status", headers={"Host": "fieldrec.local"}).status_code == 200
    assert b" 421 " in raw(device, b"GET /api/hello HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment_s", 9), ("segment_s", 601), ("segment_s", "60"), ("segment_s", None), ("segment_s", 1e300),
        ("wifi_ssid", "x" * 33), ("wifi_on", 1), ("long_target_mv", 4200), ("nonsense", 1), (None, 1), ([], {}),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_with_words(signed_in, name, value):
    answer = signed_in.say("settings", name=name, value=value)
    assert answer.status_code == 422 and "setting" in answer.json()["error"], answer.text


def test_a_setting_is_kept_and_the_password_never_told(signed_in):
    client = signed_in
    assert client.say("settings", name="heartbeat_s", value=120).status_code == 200
    assert client.say("wifi", ssid="NONE", key="a" * 65).status_code == 422
    found = {s["name"]: s for s in client.get("/api/settings").json()["settings"]}
    assert found["heartbeat_s"]["value"] == 120 and found["heartbeat_s"]["default"] == 60
    assert found["wifi_ssid"]["value"] == ""  # all of what is sent, or nothing
    client.say("settings", name="wifi_key", value="secret words")
    assert (
        client.get("/api/settings").text.count("secret") == 0 == client.get("/api/log").text.count("secret")
    )
    client.say("settings", name="wifi_key", value="")


def test_what_is_too_large_or_no_http_is_refused(device):
    with device.client() as client:
        for size in (513, 20_000):
            client.csrf = client.get("/api/hello").json()["csrf"]
            body = b'"' + b"x" * (size - 2) + b'"'
            answer = client.post("/api/login", content=body, headers={"X-CSRF": client.csrf})
            assert answer.status_code == 413
        for body in (b"", b"[]", b"{", b"[" * 500, b'"x"', b"\xff"):
            headers = {"X-CSRF": client.csrf, "Content-Type": "application/json"}
            assert client.post("/api/login", content=body, headers=headers).status_code == 400
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for data in (
        b"\r\n", b"GET\r\n\r\n", b"\xff\xfe\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /api/login HTTP/1.1\r\nContent-Length: -5\r\n\r\n", head + b"Content-Length: x\r\n\r\n",
        head + b"X: " + b"y" * 5000 + b"\r\n\r\n", b"z" * 5000,
    ):  # fmt: skip
        answer = raw(device, data)
        assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0], (data[:40], answer)
    assert device.client().get("/api/hello").status_code == 200


def test_a_client_that_dawdles_is_let_go(device):
    """Silence is ended after 1.5 s and a request after 5 s of the board's time, here eight times faster."""
    for first, most_s in ((b"", 1.5), (b"GET / HTTP/1.1\r\n", 4)):
        started = time.monotonic()
        with socket.create_connection(address(device), timeout=10) as line:
            line.sendall(first)
            while time.monotonic() - started < 8:
                try:
                    line.sendall(b"X" if first else b"")
                    line.settimeout(0.1)
                    if line.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        assert time.monotonic() - started < most_s
    slow = [socket.create_connection(address(device)) for _ in range(8)]
    until(lambda: answers(device), 5, "an answer after connections that say nothing")
    for line in slow:
        line.close()


def answers(device) -> bool:
    try:
        return device.client().get("/api/hello").status_code == 200
    except httpx.TransportError:
        return False


def test_each_answer_forbids_what_it_does_not_need(device):
    with device.client() as client:
        for path in ("/", "/api/hello", "/nothing"):
            headers = client.get(path).headers
            assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert client.request("OPTIONS", "/api/settings").status_code in (404, 405)
        assert client.request("DELETE", "/api/settings").status_code == 405


def test_no_page_is_over_10_kib(device):
    with device.client() as client:
        size = {path: len(client.get(path).content) for path in ("/", "/page.js", "/views.js")}
    assert size["/"] + size["/page.js"] <= 10 << 10 and size["/views.js"] <= 10 << 10
