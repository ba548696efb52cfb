"""The services whose things the dashboard changes: asked over HTTPS, with the caller's own token."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from cloud.settings import Settings
from cloud.web import Refused

TIMEOUT_S = 30.0
NAMES = ("registration", "ota")


class Services:
    """`clients` by the service's name."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self.clients = clients

    async def ask(
        self, service: str, method: str, path: str, token: str, body: Any = None, **more: Any
    ) -> dict:
        """What it answers. Raises Refused with its own words, or with 502 if it does not answer."""
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        content = {"json": body} if body is not None else {}
        try:
            answer = await self.clients[service].request(method, path, headers=headers, **content, **more)
        except httpx.HTTPError as error:
            raise Refused(502, f"the service {service} does not answer: {error!r}") from error
        if answer.is_success:
            return answer.json()
        raise Refused(answer.status_code, _words(answer, service))


def _words(answer: httpx.Response, service: str) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the service {service} answered {answer.status_code}"


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Services]:
    context = ssl.create_default_context(cafile=str(settings.ca_cert))
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=settings.url_of(name), verify=context, timeout=TIMEOUT_S, trust_env=False
                )
            )
            for name in NAMES
        }
        yield Services(clients)
