"""Configuration that changes while the services run: numbers in etcd, watched.

What etcd doesn't say is as the environment says, or as it is here. Without etcd the last that was known goes on.
etcd's API: its JSON gateway, https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from cloud import trust
from cloud.settings import Settings

PREFIX = "fieldrec/config/"
TIMEOUT_S = 5.0
QUIET_S = 60.0  # without a word for so long, all is read afresh: a connection may be dead without saying so
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 10.0

log = logging.getLogger(__name__)


class ConfigError(ValueError):
    """There is no such setting, or it can't have this value; the text says what can be."""


@dataclass(frozen=True)
class Number:
    """One setting: `default` unless Settings has a field of its name."""

    default: int
    least: int
    most: int
    words: str

    def check(self, name: str, text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise ConfigError(f"{name} {text[:40]!r}: give a whole number from {self.least} to {self.most}")
        return int(text)


NUMBERS = {
    "heartbeat_days": Number(30, 1, 36_500, "days that heartbeats are kept"),
    "url_life_s": Number(3600, 60, 7 * 86_400, "seconds that a download URL is valid"),
    "enrols_per_minute": Number(1200, 1, 10**6, "enrolments that one address may ask for"),
    "wrong_tokens_per_minute": Number(600, 1, 10**6, "wrong tokens that one address may show"),
}


def check(name: str, text: str) -> int:
    """The value; raises ConfigError."""
    if name not in NUMBERS:
        raise ConfigError(f"there is no setting {name!r}; there are {', '.join(NUMBERS)}")
    return NUMBERS[name].check(name, text)


class LiveConfig:
    """`config["url_life_s"]` is the value now. `changed` is called after each change, and once before."""

    def __init__(self, settings: Settings, changed: Callable[["LiveConfig"], None] = lambda config: None):
        self._url, self._changed = settings.etcd_url, changed
        self._trust = trust.context(settings.ca_cert)
        self._defaults = {n: getattr(settings, n, number.default) for n, number in NUMBERS.items()}
        self._set: dict[str, int] = {}
        self.known = asyncio.Event()  # etcd has answered at least once
        self._round_known = False
        changed(self)

    def __getitem__(self, name: str) -> int:
        return self._set.get(name, self._defaults[name])

    async def run(self) -> None:
        """Read all, then follow what changes; again and again, from the beginning when the connection breaks."""
        pause_s = BACKOFF_FIRST_S
        while True:
            self._round_known = False
            try:
                async with httpx.AsyncClient(
                    base_url=self._url, timeout=TIMEOUT_S, trust_env=False, verify=self._trust
                ) as etcd:
                    await self._follow(etcd)
            except httpx.ReadTimeout:
                pass  # nothing was said for a while
            except (httpx.HTTPError, ValueError, KeyError) as error:
                log.warning("etcd lost (%r): the last configuration known goes on", error)
            pause_s = BACKOFF_FIRST_S if self._round_known else min(pause_s * 2, BACKOFF_MAX_S)
            await asyncio.sleep(pause_s)

    async def _follow(self, etcd: httpx.AsyncClient) -> None:
        revision, found = await read(etcd)
        self._take_all(found)
        self.known.set()
        self._round_known = True
        async for name, text in watch(etcd, revision + 1):
            self._take(name, text)
            self._changed(self)

    def _take_all(self, found: dict[str, str]) -> None:
        self._set = {name: value for name, value in self._set.items() if name in found}
        for name, text in found.items():
            self._take(name, text)
        self._changed(self)

    def _take(self, name: str, text: str | None) -> None:
        """None: it is as by default again. What can't be is not taken, and what was before goes on."""
        if text is None:
            self._set.pop(name, None)
            log.info("%s is %s again", name, self._defaults.get(name))
            return
        try:
            value = check(name, text)
        except ConfigError as error:
            log.error("etcd has %s; not taken", error)
            return
        if self._set.get(name) != value:
            log.info("%s is %d from now on", name, value)
        self._set[name] = value


async def read(etcd: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    """(revision of the store, {name: text}) of all that is set."""
    answer = await etcd.post("/v3/kv/range", json=_range(PREFIX))
    answer.raise_for_status()
    said = answer.json()
    return int(said["header"]["revision"]), {_name(kv): _text(kv) for kv in said.get("kvs", ())}


async def watch(etcd: httpx.AsyncClient, revision: int) -> AsyncIterator[tuple[str, str | None]]:
    """(name, text, or None where it was deleted) of each change from `revision` on; ends if etcd ends it."""
    asked = {"create_request": {**_range(PREFIX), "start_revision": str(revision)}}
    timeout = httpx.Timeout(TIMEOUT_S, read=QUIET_S)
    async with etcd.stream("POST", "/v3/watch", json=asked, timeout=timeout) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            result = json.loads(line)["result"]
            if result.get("canceled"):  # what we wanted to begin with is compacted away, or never was
                return
            for event in result.get("events", ()):
                deleted = event.get("type") == "DELETE"
                yield _name(event["kv"]), None if deleted else _text(event["kv"])


def put(etcd: httpx.Client, name: str, text: str) -> None:
    """Set for all services; raises ConfigError, httpx.HTTPError."""
    check(name, text)
    asked = {"key": _b64(PREFIX + name), "value": _b64(text)}
    etcd.post("/v3/kv/put", json=asked).raise_for_status()


def unset(etcd: httpx.Client, name: str) -> None:
    """As by default again."""
    etcd.post("/v3/kv/deleterange", json={"key": _b64(PREFIX + name)}).raise_for_status()


def read_now(etcd: httpx.Client) -> dict[str, str]:
    answer = etcd.post("/v3/kv/range", json=_range(PREFIX))
    answer.raise_for_status()
    return {_name(kv): _text(kv) for kv in answer.json().get("kvs", ())}


def _range(prefix: str) -> dict[str, str]:
    return {"key": _b64(prefix), "range_end": _b64(prefix[:-1] + chr(ord(prefix[-1]) + 1))}


def _name(kv: dict) -> str:
    return b64decode(kv["key"]).decode(errors="replace").removeprefix(PREFIX)


def _text(kv: dict) -> str:
    return b64decode(kv.get("value", "")).decode(errors="replace")


def _b64(text: str) -> str:
    return b64encode(text.encode()).decode()
