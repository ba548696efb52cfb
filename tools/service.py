"""A service of the cloud from the command line: where it is, one request, and the words when it refuses."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cloud.processes import running

TIMEOUT_S = 60
ASK_EVERY_S = 0.5


class ServiceError(Exception):
    """The service could not be asked, or refused; the text says which and why."""


@dataclass(frozen=True)
class Where:
    """Service `name` at `url`, or, without one, of the cloud that runs on this machine in `data`."""

    name: str
    data: Path
    url: str | None = None
    ca: Path | None = None
    token: str | None = None

    def known(self) -> tuple[str, Path, str]:
        """(url, CA file, token)."""
        if self.url:
            if not self.url.startswith("https://"):
                raise ServiceError(f"{self.url} is no https address: the token would be readable on its way")
            if not (self.ca and self.token):
                raise ServiceError(f"--url {self.url} needs --ca and --token as well: those of its cloud")
            return self.url.rstrip("/"), self.ca, self.token
        if self.ca:
            raise ServiceError(f"--ca {self.ca} says whom to trust at --url, which is not given")
        found = running(self.data)
        if found is None:
            hint = f"start it with: fieldrec cloud up --data {self.data}, or give --url, --ca and --token"
            raise ServiceError(f"nothing runs in {self.data}; {hint}")
        token = self.token or Path(found["admin_token_file"]).read_text().strip()
        if self.name not in found["urls"]:
            raise ServiceError(f"the cloud in {self.data} runs without its service {self.name}")
        return found["urls"][self.name], Path(found["ca"]), token

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        url, ca, token = self.known()
        try:
            trusted = ssl.create_default_context(cafile=ca)
        except ssl.SSLError:
            raise ServiceError(f"{ca} is no certificate in PEM") from None
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=url, headers=headers, verify=trusted, timeout=TIMEOUT_S, trust_env=False
        ) as client:
            yield client


class Service:
    def __init__(self, client: httpx.Client):
        self._client = client

    def get(self, path: str, **query: Any) -> dict:
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: dict) -> dict:
        return self._ask("POST", path, json=body).json()

    def put(self, path: str, body: dict) -> dict:
        return self._ask("PUT", path, json=body).json()

    def post_text(self, path: str, text: bytes) -> str:
        return self._ask("POST", path, content=text, headers={"Content-Type": "text/csv"}).text

    def upload(self, path: str, blocks: Iterator[bytes], size: int) -> dict:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._ask("POST", path, content=blocks, headers=headers).json()

    def delete(self, path: str) -> dict:
        return self._ask("DELETE", path).json()

    def get_bytes(self, path: str) -> bytes:
        return self._ask("GET", path).content

    def pages(self, path: str, name: str, first: Any = "", **query: Any) -> Iterator[dict]:
        """What is under `name` in all pages, one after the other."""
        after = first
        while after is not None:
            page = self.get(path, after=after, **query)
            yield from page[name]
            after = page["next"]

    def ended(self, number: int, wait_s: float) -> dict:
        """A command once it has ended, or as it stands after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while True:
            row = self.get(f"/v1/commands/{number}")
            if row["status"] != "QUEUED" or time.monotonic() >= deadline:
                return row
            time.sleep(ASK_EVERY_S)  # the service can only be asked

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise ServiceError(
                f"{self._client.base_url} can't be reached, or is of another CA: {error}"
            ) from error
        if not answer.is_success:
            raise ServiceError(f"refused, status {answer.status_code}: {_words(answer)}")
        return answer


def _words(answer: httpx.Response) -> str:
    """The reason, from {"error": words} or {"detail": words}; else the beginning of what was sent."""
    try:
        said = answer.json()
        return str(said.get("error") or said["detail"])
    except (ValueError, KeyError, AttributeError):
        return answer.text[:300]


@contextmanager
def opened(where: Where) -> Iterator[Service]:
    with where.client() as client:
        yield Service(client)
