"""A line of the log is JSON, has its trace, and keeps secrets out."""

import json
import logging
import sys

from opentelemetry import trace

from cloud.observe import tracing
from cloud.observe.logs import Lines

TEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def line(name: str, message: str, *args: object, error: bool = False) -> dict:
    record = logging.LogRecord(name, logging.INFO, "", 1, message, args, sys.exc_info() if error else None)
    text = Lines("ota").format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line():
    said = line("cloud.bus", "%s\nof %d", "ü", 7)
    assert said.pop("at").endswith("+00:00")
    assert said == {"level": "INFO", "service": "ota", "logger": "cloud.bus", "message": "ü\nof 7"}


def test_a_line_in_a_trace():
    parent = trace.get_current_span(tracing.parent(TEXT))
    with trace.use_span(parent):
        said = line("cloud.bus", "here")
    assert (said["trace"], said["span"]) == (TEXT.split("-")[1], TEXT.split("-")[2])


def test_an_error_has_its_traceback():
    try:
        raise ValueError("odd")
    except ValueError:
        said = line("cloud.bus", "wrong", error=True)
    assert "ValueError: odd" in said["error"] and "test_logs.py" in said["error"]


def test_a_request_is_logged_without_its_secrets():
    said = line(
        "uvicorn.access", '%s - "%s %s HTTP/%s" %d', "127.0.0.1:9", "GET", "/v1/x?token=abc", "1.1", 200
    )
    assert said["request"] == {"client": "127.0.0.1", "method": "GET", "path": "/v1/x", "status": 200}
    link = line("uvicorn.access", '%s - "%s %s HTTP/%s" %d', "127.0.0.1:9", "GET", "/link/abc", "1.1", 200)
    assert "abc" not in json.dumps([said, link])
