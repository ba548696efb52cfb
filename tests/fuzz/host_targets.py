"""The same for the parsers of tools and cloud."""

import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from cloud import pki
from cloud.objects.server import UnsatisfiableRange, parse_range
from cloud.ota.jobs import Update
from cloud.registration.messages import Event, Heartbeat, Presence
from tests.fuzz import corpus, driver, mutate
from tools import release, signing
from wire import dsse, frel, trust

AUTHORITY = pki.make_authority()
ROOTS = {"keys": {}, "threshold": 1}


def _file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """For what takes a path."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "input"

    def function(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    function.folder = folder  # type: ignore[attr-defined]  # it lives as long as the function
    return function


# name -> (function, shape of its inputs, what it may raise)
TARGETS: dict[str, tuple[Callable[[bytes], object], str, tuple[type[Exception], ...]]] = {
    "release file": (
        _file(release.inspect),
        "bytes",
        (frel.FormatError, dsse.EnvelopeError, trust.TrustError),
    ),
    "heartbeat": (Heartbeat.model_validate_json, "json", (ValidationError,)),
    "presence": (Presence.model_validate_json, "json", (ValidationError,)),
    "event": (Event.model_validate_json, "json", (ValidationError,)),
    "job update": (Update.model_validate_json, "json", (ValidationError,)),
    "certificate request": (
        lambda data: pki.sign_device_csr(data, "dev-1", AUTHORITY),
        "bytes",
        (pki.CsrError,),
    ),
    "range header": (
        lambda data: parse_range(data.decode("latin-1"), 100),
        "bytes",
        (UnsatisfiableRange,),
    ),
    "keyring file": (
        lambda data: trust.open_keyring(data, ROOTS, signing.verify),
        "bytes",
        (trust.TrustError,),
    ),
    "key file": (_file(signing.load_key), "bytes", (ValueError,)),
}


def fuzz(parser: str, seed: int, count: int) -> driver.Lot:
    """Raises driver.Found."""
    _, shape, _ = TARGETS[parser]
    examples, highest_us = corpus.host()[parser], 0
    for number in range(count):
        data = mutate.make(shape, examples, seed, number)
        started = time.perf_counter()
        attempt(parser, data, str(number))
        highest_us = max(highest_us, int((time.perf_counter() - started) * 1e6))
    return driver.Lot(parser, count, highest_us)


def attempt(parser: str, data: bytes, number: str = "0") -> None:
    function, _, errors = TARGETS[parser]
    try:
        function(data)
    except errors:
        return
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        words = "".join(traceback.format_exception(error))
        raise driver.Found(
            f"{parser}, input {number}:\n{words}again alone: python -m tests.fuzz '{parser}' {data.hex() or '-'}"
        ) from None
