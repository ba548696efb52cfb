"""The device's HTTPS client against a real server, in the ways that real servers and links go wrong."""

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.network.lab import Authority, Handler, WebServer, run_device

DEVICE = Path(__file__).with_name("device_http.py")
DATA = bytes(ord("a") + n % 26 for n in range(5000))


@pytest.fixture
def ask(authority, tmp_path):
    """Ask a server that answers by `answer`; the outcome on the device, and the server."""
    (tmp_path / "ca.der").write_bytes(authority.der)

    def run(answer, what, *numbers, url="", timeout_ms=3000):
        with WebServer(authority, answer) as server:
            lines = run_device(
                DEVICE, tmp_path / "ca.der", timeout_ms, url or server.url + "/x", what, *numbers
            )
        return json.loads(lines[-1]), server

    return run


def test_json_goes_there_and_back(ask):
    def answer(handler: Handler) -> None:
        handler.reply(201, json.dumps({"got": json.loads(handler.body)}).encode())

    outcome, _ = ask(answer, "call")
    assert outcome == {"status": 201, "value": {"got": {"hello": "cloud"}}}


def test_a_body_in_pieces(ask):
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b'5;note=1\r\n{"a":\r\n3\r\n 1}\r\n0\r\nTrailer: x\r\n\r\n')

    assert ask(answer, "call")[0] == {"status": 200, "value": {"a": 1}}


def test_ranges_come_over_one_connection(ask):
    connections = set()

    def answer(handler: Handler) -> None:
        connections.add(handler.client_address)
        handler.reply_range(DATA)

    outcome, server = ask(answer, "range", 0, 20, 150, 475, 4999, 5000)
    assert outcome["body"].encode() == DATA[:20] + DATA[150:475] + DATA[4999:]
    assert [asked for _, _, asked in server.requests] == ["bytes=0-19", "bytes=150-474", "bytes=4999-4999"]
    assert len(connections) == 1


def page(handler: Handler) -> None:
    handler.reply(200, b"<html>Welcome to our WiFi", Content_Type="text/html; charset=utf-8")


def other_part(handler: Handler) -> None:
    handler.reply(206, DATA[:10], Content_Range=f"bytes 0-9/{len(DATA)}")


def silence(handler: Handler) -> None:
    handler.rfile.read(1)
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (page, "HtmlPage"),
        (other_part, "WrongRange"),
        (silence, "LinkTimeout"),
        (lambda handler: handler.reply(200, DATA), "RangeIgnored"),
        (lambda handler: handler.reply(403, b"URL expired"), "Expired"),
        (lambda handler: handler.reply(404, b"no such release"), "StatusError"),
        (lambda handler: handler.reply_range(DATA, cut=50), "ShortBody"),
        (lambda handler: handler.reply_range(DATA[:200]), "WrongRange"),
        (lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n"), "BadAnswer"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000), "BadAnswer"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500), "BadAnswer"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 206 OK\r\n\r\n"), "BadAnswer"),
    ],
)
def test_each_fault_has_its_own_error(ask, answer, error):
    outcome, _ = ask(answer, "range", 100, 300, timeout_ms=500)
    assert outcome["error"] == error, outcome
    assert not outcome["open"]


def test_the_servers_words_are_told(ask):
    outcome, _ = ask(lambda handler: handler.reply(403, b"URL expired\n at noon"), "range", 0, 9)
    assert outcome["words"] == "status 403: URL expired  at noon"


def test_an_answer_of_any_size_is_refused(ask):
    outcome, _ = ask(lambda handler: handler.reply(200, b'"' + b"x" * 100_000 + b'"'), "call")
    assert outcome["error"] == "BadAnswer"


def test_a_server_of_another_authority_is_not_trusted(authority, tmp_path, ask):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with WebServer(other, page) as server:
        outcome, _ = ask(page, "call", url=server.url + "/x")
    assert outcome["error"] == "NotTrusted"
    assert "not correctly signed by the trusted CA" in outcome["words"]


def test_a_server_under_another_name_is_not_trusted(authority, ask):
    with WebServer(authority, page) as server:
        outcome, _ = ask(page, "call", url=server.url.replace("127.0.0.1", "localhost") + "/x")
    assert outcome["error"] == "NotTrusted", outcome


def test_nobody_there(ask):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome, _ = ask(page, "call", url=f"https://127.0.0.1:{taken.getsockname()[1]}/x")
    assert outcome["error"] == "LinkError", outcome


def test_a_handshake_that_never_comes_ends(ask):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(mute.accept()[0]))
        thread.start()
        outcome, _ = ask(page, "call", url=f"https://127.0.0.1:{mute.getsockname()[1]}/x", timeout_ms=300)
        thread.join()
        taken[0].close()
    assert outcome["error"] == "LinkTimeout", outcome
