"""A collector of traces: takes what the services send, and lets tests ask for it."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Seen(NamedTuple):
    """A span as it was sent; ids in hex, `parent` '' where there is none."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    about: dict[str, Any]


class Collector:
    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.more = Condition()
        self.url = ""

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self.more:
            for resource in request.resource_spans:
                service = _attributes(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self.spans += [_seen(service, span) for span in scope.spans]
            self.more.notify_all()

    def until(self, found: Callable[[list[Seen]], bool], within_s: float = 20) -> list[Seen]:
        """All spans, once `found` says so of them."""
        end = time.monotonic() + within_s
        with self.more:
            while not found(self.spans):
                assert self.more.wait(end - time.monotonic()), [span[:2] for span in self.spans]
            return list(self.spans)


def _seen(service: str, span: Any) -> Seen:
    trace, own, parent = (each.hex() for each in (span.trace_id, span.span_id, span.parent_span_id))
    return Seen(service, span.name, trace, own, parent, _attributes(span.attributes))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests say what they saw."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, name="collector")
        thread.start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
