"""Logs: a JSON object a line, with the ids of the trace in which something was said."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime

from opentelemetry import trace

_ACCESS = "uvicorn.access"
_SECRET = re.compile(r"^(/link/).*")  # a link that signs in


class Lines(logging.Formatter):
    """`at`, `level`, `service`, `logger`, `message`, and where there are some: `trace`, `span`, `error`, `request`."""

    def __init__(self, service: str):
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            **(_request(record) if record.name == _ACCESS else {"message": record.getMessage()}),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line |= {"trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}
        if record.exc_info and record.exc_info[0]:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _request(record: logging.LogRecord) -> dict:
    """Of uvicorn's line. Never with the query: there may be a secret in it."""
    if not isinstance(record.args, tuple) or len(record.args) != 5:
        return {"message": record.getMessage()}
    client, method, path, _, status = record.args
    path = _SECRET.sub(r"\1-", str(path).partition("?")[0])
    request = {"client": str(client).rpartition(":")[0], "method": method, "path": path, "status": status}
    return {"message": f"{method} {path} {status}", "request": request}


def start(service: str) -> None:
    """Everything that this process logs goes to standard error, from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in (
        "httpx",
        "httpcore",
        "opentelemetry.sdk",
    ):  # each request to etcd, each failed export twice
        logging.getLogger(chatty).setLevel(logging.WARNING)
