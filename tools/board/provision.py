"""`fieldrec board provision`: a flashed board becomes a member of a cloud, over the cable alone.

    board: key, request -> host: POST /v1/enrol with the claim -> board: CA, broker, certificate

The host relays: no WiFi is needed, and the private key never leaves the board. Cut short at any point, it is run again
with the same claim: the board asks with the key that it has, and the cloud gives the same certificate once more.
"""

import base64
import binascii
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from cryptography import x509

from tools import firmware
from tools.board.flash import identity_of
from tools.board.link import Link

_PATIENCE_S = 20
_MOST_WORDS = 300


class ProvisionError(Exception):
    """The board can't be provisioned like this, or the cloud refuses; the text has its words."""


@dataclass(frozen=True)
class Order:
    """`ca`: the cloud's certificate in DER, empty to trust what this host trusts. `again`: also with a certificate."""

    cloud: str
    claim: str
    ca: bytes = b""
    again: bool = False
    wifi: tuple[str, str] | None = None


@dataclass(frozen=True)
class Provisioned:
    device_id: str
    expires: datetime
    broker: str


def provision(link: Link, order: Order) -> Provisioned:
    """ProvisionError; DeviceError has the board's own words."""
    who = ready(link)
    if not order.again and link.hashes(["/etc/cert.der"]) != [None]:
        raise ProvisionError(
            f"{who['id']} has a certificate: --again asks for a new one, with a claim that names it"
        )
    set_clock(link)
    if order.wifi:
        link.call("set_wifi", *order.wifi)
    request = link.call("request", _slot(link))
    answer = _enrol(order, who, request)
    try:
        certificate = base64.b64decode(answer["certificate"], validate=True)
        ca = order.ca or base64.b64decode(answer["ca"], validate=True)
        host, port = str(answer["mqtt"]["host"]), int(answer["mqtt"]["port"])
        expires = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ProvisionError(f"the cloud's answer lacks a part: {error}") from None
    link.call("keep", order.cloud, host, port, ca, certificate)
    return Provisioned(who["id"], expires, f"{host}:{port}")


def new_pin(link: Link) -> str:
    """A random PIN, kept on the board for its local page. It is to be shown on the label, and nowhere else."""
    pin = firmware.new_pin()
    link.call("set_pin", pin)
    return pin


def ready(link: Link) -> dict:
    """{"id", "board", "cloud"} of a board that was flashed; its slot's code is loaded."""
    link.load("files")
    who = identity_of(link)
    slot = _slot(link) if who else ""
    if not who or not slot:
        raise ProvisionError(
            "the board has no identity, or no release in a slot: `fieldrec board flash` comes first"
        )
    link.call("fresh", slot)
    link.load("identity")
    return who


def set_clock(link: Link) -> None:
    """The host's UTC: a board has no clock of its own until it is online."""
    now = datetime.now(UTC)
    link.call("set_clock", now.year, now.month, now.day, now.hour, now.minute, now.second)


def _slot(link: Link) -> str:
    """One that holds a release, the board's start decides which is good."""
    found = link.hashes(["/a/manifest.json", "/b/manifest.json"])
    return next((name for name, digest in zip("ab", found, strict=True) if digest), "")


def _enrol(order: Order, who: dict, request: dict) -> dict:
    body = {"v": 1, "device_id": who["id"], "token": order.claim, "board": who["board"], **request}
    url = f"{order.cloud.rstrip('/')}/v1/enrol"
    trusted = ssl.create_default_context(cadata=order.ca or None)
    try:
        with httpx.Client(verify=trusted, timeout=_PATIENCE_S, trust_env=False) as client:
            answer = client.post(url, json=body)
            told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProvisionError(f"{url}: {error}") from None
    except ValueError:
        raise ProvisionError(
            f"{url} answers {answer.status_code} without JSON: {answer.text[:_MOST_WORDS]}"
        ) from None
    if answer.status_code != 201 or not isinstance(told, dict):
        words = told.get("error", told) if isinstance(told, dict) else told
        raise ProvisionError(f"{url} refuses, status {answer.status_code}: {str(words)[:_MOST_WORDS]}")
    return told
