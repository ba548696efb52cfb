"""Each service is asked what its own description allows, and what it doesn't: no answer is a server's error."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from tests.api.conftest import OWN
from tools.api import openapi
from tools.api.endpoints import SERVICES

EXAMPLES = 2  # of each operation, and as many that it doesn't allow
LONG_EXAMPLES = 150


def operations(service: str) -> list:
    schema = schemathesis.openapi.from_dict(openapi.describe(service))
    schema.config.generation.update(modes=list(GenerationMode))
    return [each.ok() for each in schema.get_all_operations()]  # type: ignore[union-attr]  # raises, if it can't be


def cases(service: str, each: int) -> list:
    """Some of each operation, both as described and not; hypothesis draws them, with its taste for what is odd."""
    drawn: list = []
    for operation in operations(service):
        for mode in GenerationMode:
            try:
                drawn += draw(operation.as_strategy(generation_mode=mode), each)
            except (schemathesis.errors.SchemathesisError, Unsatisfiable):
                continue  # nothing about it can be wrong
    return drawn


def draw(strategy: st.SearchStrategy, count: int) -> list:
    """The same each time."""
    drawn: list = []
    once = settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    once(given(strategy)(lambda case: drawn.append(case)))()
    return drawn


async def no_server_errors(callers, service: str, count: int) -> None:
    wrong = []
    for case in cases(service, count):
        sent = case.as_transport_kwargs(base_url="https://cloud")
        more = {name: sent[name] for name in ("params", "json") if sent.get(name) is not None}
        if isinstance(sent.get("data"), bytes | str):
            more["content"] = sent["data"]
        path = case.formatted_path.replace("{", "%7B")
        who = {"target": OWN} if "/controller/v1/" in path else {"role": "admin"}
        answer = await callers.ask(service, case.method, path, **who, **more)
        if answer.status_code >= 500:
            wrong.append((case.method, path, more, answer.status_code, answer.text[:200]))
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
async def test_no_server_errors(callers, service):
    await no_server_errors(callers, service, EXAMPLES)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("service", SERVICES)
async def test_no_server_errors_at_length(callers, service):
    await no_server_errors(callers, service, LONG_EXAMPLES)
