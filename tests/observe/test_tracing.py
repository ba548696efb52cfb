"""What of a trace goes on, and what is recorded."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from cloud.observe import tracing
from cloud.ota.jobs import Update

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TEXT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        7,
        TEXT[:-1],
        TEXT + "0",
        TEXT.upper(),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "\0" * 55,
    ],
)
def test_nonsense_begins_no_trace_and_costs_no_report(text):
    assert tracing.valid(text) == ""
    assert Update.model_validate({"v": 1, "status": "FAILED", "trace": text}).trace == ""


def test_a_context_comes_back_as_it_went():
    assert tracing.text_of(trace.get_current_span(tracing.parent(TEXT))) == TEXT
    assert tracing.text_of(trace.get_current_span(tracing.parent(TEXT, follow=False))) == TEXT[:-1] + "0"
    assert tracing.parent("") is None


@pytest.mark.parametrize(
    "share, parent, kind, recorded",
    [
        (1.0, "", SpanKind.SERVER, True),
        (1.0, "", SpanKind.CLIENT, False),  # a statement of a background task
        (1.0, "", SpanKind.INTERNAL, False),
        (0.0, "", SpanKind.SERVER, False),
        (0.0, TEXT, SpanKind.SERVER, False),  # whatever the caller wants
        (1.0, TEXT, SpanKind.SERVER, True),
        (1.0, TEXT[:-1] + "0", SpanKind.SERVER, False),
        (1.0, TEXT, SpanKind.CLIENT, True),
    ],
)
def test_what_is_recorded(share, parent, kind, recorded):
    tracer = TracerProvider(tracing.Rooted(share)).get_tracer("test")
    span = tracer.start_span("one", tracing.parent(parent), kind)
    assert span.is_recording() == recorded
    assert span.get_span_context().is_valid  # for the logs, in any case


def test_of_a_campaign_some_jobs_are_followed_and_those_for_good():
    followed = tracing.Followed(jobs=2, campaigns=2)
    assert [followed(1, job) for job in (7, 8, 9, 7, 9)] == [True, True, False, True, False]
    assert followed(2, 9) and followed(3, 9)
    assert followed(1, 9)  # forgotten meanwhile: bounded by campaigns too
