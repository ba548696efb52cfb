"""What servers, proxies and portals do to an answer, as functions of the request's handler and the file."""

import random
import socket
import struct
import time

from tests.network.lab import Handler


def ignores_range(handler: Handler, data: bytes) -> None:
    handler.reply(200, data)


def login_page(handler: Handler, data: bytes) -> None:
    handler.reply(200, b"<html>Log in to the WiFi</html>", Content_Type="text/html")


def error_page(handler: Handler, data: bytes) -> None:
    handler.reply(502, b"<html>Bad gateway</html>", Content_Type="text/html")


def unavailable(handler: Handler, data: bytes) -> None:
    handler.reply(503, b"slow down", Retry_After="1")


def expired(handler: Handler, data: bytes) -> None:
    """Unless the device has asked for a new URL meanwhile."""
    if "fresh" in handler.path:
        return handler.reply_range(data)
    handler.reply(403, b"the URL has expired")


def other_range(handler: Handler, data: bytes) -> None:
    start, end = handler.range()
    handler.reply(206, data[: end - start], Content_Range=f"bytes 0-{end - start - 1}/{len(data)}")


def says_too_much(handler: Handler, data: bytes) -> None:
    """More is announced than comes."""
    start, end = handler.range()
    handler.reply_range(data, cut=(end - start) // 2)


def says_too_little(handler: Handler, data: bytes) -> None:
    """Less is announced than was asked for, and less comes."""
    start, end = handler.range()
    part = data[start : (start + end) // 2]
    handler.reply(206, part, Content_Range=f"bytes {start}-{end - 1}/{len(data)}")


def sends_more(handler: Handler, data: bytes) -> None:
    """The right part, and then bytes that nobody asked for."""
    handler.reply_range(data)
    handler.wfile.write(b"x" * 100)


def no_length(handler: Handler, data: bytes) -> None:
    start, end = handler.range()
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
    handler.end_headers()
    handler.wfile.write(data[start:end])
    handler.close_connection = True


def stalls(handler: Handler, data: bytes) -> None:
    """Longer than the device waits."""
    start, end = handler.range()
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
    handler.send_header("Content-Length", str(end - start))
    handler.end_headers()
    handler.wfile.write(data[start : (start + end) // 2])
    time.sleep(1.5)
    handler.close_connection = True


def resets(handler: Handler, data: bytes) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def flips_a_bit(handler: Handler, data: bytes) -> None:
    """Under the signature of nobody: TLS can't see what the server itself does."""
    start, end = handler.range()
    at = random.Random(start).randrange(start, end)
    handler.reply_range(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])


FAULTS = (
    ignores_range, login_page, error_page, unavailable, expired, other_range, says_too_much, says_too_little,
    sends_more, no_length, stalls, resets, flips_a_bit,
)  # fmt: skip
