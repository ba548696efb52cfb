"""Whose certificates are revoked, as the broker knows it: from a file that is looked at again and again."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

LOOK_EVERY_S = 1.0

log = logging.getLogger("broker")


class CrlError(ValueError):
    """What is in the file is no revocation list of our CA; the text says why."""


class Revoked:
    """`serials` of the last list that could be read: a damaged file must not let anybody in again."""

    def __init__(self, crl: Path, ca: Path) -> None:
        self.serials: frozenset[int] = frozenset()
        self._crl = crl
        self._ca = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
        self._seen: tuple[int, int] | None = None

    def look(self) -> frozenset[int]:
        """Read the file if it is another one than before; the serial numbers that are new in it."""
        status = self._crl.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return frozenset()
        serials = read(self._crl, self._ca)
        added, self.serials, self._seen = serials - self.serials, serials, seen
        log.info("revocation list read, %d certificates in it", len(serials))
        return added

    async def follow(self, on_added: Callable[[frozenset[int]], None]) -> None:
        """For ever."""
        complained = ""
        while True:
            try:
                if added := self.look():
                    on_added(added)
                complained = ""
            except (OSError, CrlError) as error:
                if str(error) != complained:
                    log.error("%s; the list before it stays in force", error)
                complained = str(error)
            await asyncio.sleep(LOOK_EVERY_S)


def read(path: Path, ca) -> frozenset[int]:
    """The serial numbers in a PEM file; raises OSError, CrlError."""
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
    except ValueError as error:
        raise CrlError(f"{path} is no revocation list: {error}") from error
    if not isinstance(ca, ec.EllipticCurvePublicKey) or not crl.is_signature_valid(ca):
        raise CrlError(f"{path} is not signed by our CA")
    return frozenset(each.serial_number for each in crl)


def serial_of(peercert: dict | None) -> int:
    """Of a certificate in the form of `ssl.SSLObject.getpeercert`; 0 without one."""
    return int((peercert or {}).get("serialNumber", "0"), 16)
