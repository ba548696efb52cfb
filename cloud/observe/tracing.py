"""Traces. One follows an update from the request that made its campaign, over MQTT, to the device's last report.

    POST /v1/campaigns -> campaigns.trace -> "trace" of jobs/notify -> the device -> "trace" of jobs/JOB/update

The text on the way is a traceparent (https://www.w3.org/TR/trace-context/#traceparent-header), the same as in HTTP's
header. Without a collector (FIELDREC_TRACES_URL) nothing is recorded, but every request has a trace id for the logs.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

JOBS_FOLLOWED = 200  # of a campaign, by each process: a trace of a million jobs is of no use to anybody
CAMPAIGNS_FOLLOWED = 100
REPORTS_FOLLOWED = 50  # of a batch, whatever devices say
# Asked every few seconds; and a connection of subscriptions, which lasts for hours, is no request.
UNSEEN = "/health$,/ready$,/metrics$,^wss?:"
EXPORT_TIMEOUT_S = 5
FLUSH_MS = 2_000
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
_ROOTS = (SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER)

_tracer = trace.get_tracer("fieldrec")  # of whatever provider there will be


class Rooted(Sampler):
    """A trace begins with a request or a message, never with a statement of some background task; a share is kept.

    Which ones goes by the id, so that all services keep the same; what a caller does not keep is not kept here.
    """

    def __init__(self, share: float):
        self._share = TraceIdRatioBased(share)

    def should_sample(
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        keep = parent.trace_flags.sampled if parent.is_valid else kind in _ROOTS
        if keep and (parent.is_remote or not parent.is_valid):
            keep = self._share.should_sample(None, trace_id, name).decision.is_sampled()
        return SamplingResult(Decision.RECORD_AND_SAMPLE if keep else Decision.DROP, attributes, trace_state)

    def get_description(self) -> str:
        return f"Rooted({self._share.get_description()})"


def start(service: str, url: str | None = None, share: float = 1.0, instance: str = "") -> None:
    """Once for this process, before its app is made. `url` is the collector's, `share` of what is recorded."""
    resource = Resource.create({SERVICE_NAME: f"fieldrec-{service}", SERVICE_INSTANCE_ID: instance or "1"})
    provider = TracerProvider(Rooted(share if url else 0.0), resource)
    if url:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # takes a while

        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1_000))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument()


def instrument(app: FastAPI) -> None:
    """Its requests are spans, and what is recorded is on its way when it has ended."""
    FastAPIInstrumentor.instrument_app(app, excluded_urls=UNSEEN, exclude_spans=["receive", "send"])
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator:
        async with inner(app) as state:
            yield state
        await asyncio.to_thread(_flush)

    app.router.lifespan_context = lifespan


def _flush() -> None:
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(FLUSH_MS)


async def instrument_connection(connection: AsyncConnection[Any]) -> None:
    """Its statements are spans of what they are executed for."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        PsycopgInstrumentor.instrument_connection(connection)


async def check_connection(connection: AsyncConnection[Any]) -> None:
    """The pool's own check, which is nothing that anybody asked for."""
    with suppress_instrumentation():
        await AsyncConnectionPool.check_connection(connection)


def current() -> str:
    """What goes into a message or a table so that others go on with the present trace; '' outside of any."""
    return text_of(trace.get_current_span())


def text_of(span: Span) -> str:
    context = span.get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


def valid(text: object) -> str:
    """`text` if it is a traceparent; else '', for a trace is no reason to refuse what it comes with."""
    return text if isinstance(text, str) and _FORM.fullmatch(text) else ""


def parent(text: str, follow: bool = True) -> Context | None:
    """Of spans that go on where `text` comes from; None for a trace of their own. `follow` False: not recorded."""
    if not valid(text):
        return None
    _, trace_id, span_id, flags = text.split("-")
    context = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16) if follow else 0)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(context))


class Followed:
    """Which jobs of a campaign are recorded: the first that are told, and those for good."""

    def __init__(self, jobs: int = JOBS_FOLLOWED, campaigns: int = CAMPAIGNS_FOLLOWED):
        self._most, self._campaigns = jobs, campaigns
        self._jobs: OrderedDict[int, set[int]] = OrderedDict()

    def __call__(self, campaign: int, job: int) -> bool:
        known = self._jobs.setdefault(campaign, set())
        self._jobs.move_to_end(campaign)
        if len(self._jobs) > self._campaigns:
            self._jobs.popitem(last=False)
        if len(known) < self._most:
            known.add(job)
        return job in known


@contextmanager
def telling(device: str, job: dict, follow: bool) -> Iterator[str]:
    """The span of telling a device of a job, a row with `id`, `campaign` and `trace`; gives the text to send along."""
    about = _about(device, job["id"], "jobs/notify") | {"fieldrec.campaign": job["campaign"]}
    with _tracer.start_as_current_span(
        "jobs/notify", parent(job["trace"], follow), SpanKind.PRODUCER, about
    ) as span:
        yield text_of(span)


@contextmanager
def hearing(reports: Iterable[tuple[str, int, str, dict[str, str]]]) -> Iterator[dict[int, Span]]:
    """The spans of a batch of reports, {their place in it: span}, each in the trace that it brings along.

    A report is (device, job, trace, what it says). The statements of the whole batch go under the first one.
    """
    spans: dict[int, Span] = {}
    for place, (device, job, text, said) in enumerate(reports):
        if len(spans) < REPORTS_FOLLOWED and (context := parent(text)):
            about = _about(device, job, "jobs/JOB/update") | {f"fieldrec.{n}": said[n] for n in said}
            spans[place] = _tracer.start_span(
                f"jobs/update {said['status']}", context, SpanKind.CONSUMER, about
            )
    first = next(iter(spans.values()), trace.get_current_span())
    try:
        with trace.use_span(first):
            yield spans
    finally:
        for span in spans.values():
            span.end()


def refuse(span: Span, words: str) -> None:
    span.set_status(Status(StatusCode.ERROR, words))


def _about(device: str, job: int, topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "mqtt",
        "messaging.destination.template": topic,
        "fieldrec.device": device,
        "fieldrec.job": job,
    }
