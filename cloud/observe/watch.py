"""What makes a service visible: `/metrics`, `/ready`, its requests counted and traced.

A part of a service that is not there (a bus, an election) is not asked for.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from cryptography import x509
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import State

from cloud.observe import tracing
from cloud.observe.access import SCRAPE
from cloud.observe.fleet import Fleet, Read
from cloud.observe.metrics import REQUESTS
from cloud.observe.probe import Probe

READY_WITHIN_S = 2.0
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SILENT = ("/health", "/ready", "/metrics")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def watch(app: FastAPI, service: str, reads: tuple[Read, ...] = ()) -> None:
    """To be called when the app has its routes, and before it is served."""
    state = app.state
    state.numbers = Fleet(reads)
    state.database = Probe(lambda: _ask(state), READY_WITHIN_S)
    state.registry = CollectorRegistry()
    state.registry.register(state.numbers)
    state.registry.register(Now(state))
    app.add_api_route("/metrics", metrics, dependencies=SCRAPE, response_class=Response)
    app.add_api_route("/ready", ready)
    app.add_middleware(Counted, service=service)
    tracing.instrument(app)


async def metrics(request: Request) -> Response:
    """In Prometheus' text format."""
    state = request.app.state
    await state.numbers.refresh(state.pool)
    own = await asyncio.to_thread(lambda: generate_latest(REGISTRY) + generate_latest(state.registry))
    return Response(own, media_type=CONTENT_TYPE_LATEST)


async def ready(request: Request) -> JSONResponse:
    """Whether requests should come here: 503 says what is missing. Redis and etcd can be done without for a while."""
    state = request.app.state
    missing = [name for name, bus in buses(state).items() if not bus.connected.is_set()]
    if not await state.database.answers():
        missing.append("database")
    return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)


async def _ask(state: State) -> None:
    async with state.pool.connection(timeout=READY_WITHIN_S) as connection:
        await connection.execute("SELECT 1")


def buses(state: State) -> dict[str, Any]:
    found = {"bus": getattr(state, "bus", None), "control bus": getattr(state, "control_bus", None)}
    return {name: bus for name, bus in found.items() if bus}


class Now(Collector):
    """What can be read off a service at any time."""

    def __init__(self, state: State):
        self._state = state

    def collect(self) -> Iterator[Metric]:
        connected = GaugeMetricFamily("fieldrec_bus_connected", "Connections to the broker", labels=("bus",))
        for name, bus in buses(self._state).items():
            connected.add_metric([name], float(bus.connected.is_set()))
        yield connected
        if election := getattr(self._state, "election", None):
            leads = election.revision is not None
            yield GaugeMetricFamily(
                "fieldrec_leader", "Whether this process leads the campaigns", float(leads)
            )
        limits = getattr(self._state, "limits", None)
        if limits:
            yield GaugeMetricFamily(
                "fieldrec_redis_up", "Whether Redis answered last time", float(limits.answers)
            )
        if pool := getattr(self._state, "pool", None):
            stats = pool.get_stats()
            found = GaugeMetricFamily("fieldrec_database_connections", "Of the pool", labels=("state",))
            for label, name in (
                ("open", "pool_size"),
                ("idle", "pool_available"),
                ("waited for", "requests_waiting"),
            ):
                found.add_metric([label], float(stats.get(name, 0)))
            yield found
        yield self._certificates()

    def _certificates(self) -> Metric:
        found = GaugeMetricFamily(
            "fieldrec_certificate_expiry_timestamp_seconds",
            "When this service's own run out",
            labels=("file",),
        )
        for name in ("ca_cert", "tls_cert", "mqtt_cert"):
            if path := getattr(self._state.settings, name, None):
                found.add_metric([name], expires(path))
        return found


def expires(path: Path) -> float:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()


class Counted:
    """ASGI middleware: how long each request takes, by route, not by path."""

    def __init__(self, app: Any, service: str):
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _SILENT:
            return await self._app(scope, receive, send)
        begun, status = time.perf_counter(), 500

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            took_s = time.perf_counter() - begun
            REQUESTS.labels(self._service, method, route_of(scope), str(status)).observe(took_s)


def route_of(scope: Scope) -> str:
    """As it was declared; "none" for what no route is there for: anybody can think of paths."""
    return getattr(scope.get("route"), "path", "none")
