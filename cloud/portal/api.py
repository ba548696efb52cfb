"""The GraphQL API as the portal uses it: a question, a change, and a stream of news, with a person's token."""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import connect

from cloud.portal.queries import QUERIES
from cloud.portal.settings import PortalSettings

TIMEOUT_S = 20.0
UPLOAD_S = 600.0
PROTOCOL = websockets.Subprotocol("graphql-transport-ws")


class ApiError(Exception):
    """The API refused, or could not be asked; the text says why."""


class SignedOut(ApiError):
    """The token is not, or no more, a session's."""


class Link:
    """The connections of this process to the API, for all who use it."""

    def __init__(self, settings: PortalSettings) -> None:
        self.settings = settings
        self.trusted = ssl.create_default_context(cafile=str(settings.ca_cert))
        self.http = httpx.AsyncClient(verify=self.trusted, timeout=TIMEOUT_S, trust_env=False)

    @property
    def graphql(self) -> str:
        return f"{self.settings.dashboard_url}/graphql"

    async def aclose(self) -> None:
        await self.http.aclose()


class Api:
    """With the token of one session, or none. Operations are those of operations.graphql."""

    def __init__(self, link: Link, token: str = "") -> None:
        self._link, self._token = link, token

    @property
    def portal_url(self) -> str:
        return self._link.settings.portal_url

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    async def ask(self, operation: str, **variables: Any) -> dict:
        """`data` of the answer. Raises SignedOut, ApiError."""
        body = {"query": QUERIES[operation], "variables": variables}
        try:
            answer = await self._link.http.post(self._link.graphql, json=body, headers=self.headers)
        except httpx.HTTPError as error:
            raise ApiError(f"the dashboard's API does not answer: {error or type(error).__name__}") from error
        return _data(answer)

    async def change(self, operation: str, **variables: Any) -> dict:
        """What a mutation gives. Raises ApiError with the words of its problem."""
        (outcome,) = (await self.ask(operation, **variables)).values()
        if "message" in outcome:
            raise (SignedOut if outcome["__typename"] == "NotSignedIn" else ApiError)(outcome["message"])
        return outcome

    async def news(self, operation: str, **variables: Any) -> AsyncGenerator[dict, None]:
        """First {} when subscribed, then `data` of each message. Raises ApiError, OSError, WebSocketException."""
        url = self._link.graphql.replace("https:", "wss:", 1)
        async with connect(
            url, subprotocols=[PROTOCOL], ssl=self._link.trusted, additional_headers=self.headers, proxy=None
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": self.headers}))
            async for text in socket:
                message = json.loads(text)
                match message["type"]:
                    case "connection_ack":
                        payload = {"query": QUERIES[operation], "variables": variables}
                        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                        yield {}
                    case "ping":
                        await socket.send(json.dumps({"type": "pong"}))
                    case "next":
                        yield message["payload"]["data"] or {}
                    case "error":
                        raise ApiError(message["payload"][0]["message"])
                    case "complete":
                        return

    async def upload(self, body: AsyncIterator[bytes]) -> tuple[int, str]:
        """(status, text) of what the cloud says to a release, passed on as it comes."""
        url = f"{self._link.settings.dashboard_url}/v1/releases"
        headers = self.headers | {"Content-Type": "application/octet-stream"}
        try:
            answer = await self._link.http.post(url, content=body, headers=headers, timeout=UPLOAD_S)
        except httpx.HTTPError as error:
            words = f"the dashboard's API ended the upload: {error or type(error).__name__}"
            return 502, json.dumps({"error": words})
        return answer.status_code, answer.text


def _data(answer: httpx.Response) -> dict:
    try:
        said = answer.json()
    except ValueError:
        raise ApiError(f"the dashboard's API answers {answer.status_code}: {answer.text[:200]}") from None
    if answer.status_code == 401:
        raise SignedOut(said.get("error", "not signed in"))
    if errors := said.get("errors"):
        words = errors[0]["message"]
        code = (errors[0].get("extensions") or {}).get("code")
        raise (SignedOut if code == "UNAUTHENTICATED" else ApiError)(words)
    if "data" not in said:
        raise ApiError(said.get("error", f"the dashboard's API answers {answer.status_code}"))
    return said["data"]
