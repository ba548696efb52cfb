"""Attacks by the keyrings that travel in front of a release, and by the new roots that they bring.

The device holds a keyring of version 7.
"""

from tests.attacks.attack import Attack
from tests.attacks.forge import (
    KEYRING,
    MANIFEST,
    NAMES,
    NEXT_ROOT,
    RELEASE,
    REVOKED,
    ROOT,
    STRANGER,
    Forged,
    ring,
    root_keys,
    sealed,
)
from tests.attacks.keyrings import adds_a_stranger
from wire import frel


def behind(*keyrings: bytes, signer=RELEASE):
    """A release, by default one signed as it should be, behind these keyrings."""
    return lambda: Forged().sign(signer).after(*keyrings)


def with_stranger(*signers, version: int = 8, **changes) -> bytes:
    return ring(signers, **adds_a_stranger(version=version, **changes))


def section(magic: bytes = frel.KEYRING_MAGIC, number: int = 1, length: int | None = None):
    """The head of a keyring's section as it should not be."""

    def forged():
        keyring = ring(version=8)
        size = len(keyring) if length is None else length % 2**32
        head = magic + number.to_bytes(4, "big") + size.to_bytes(4, "big")
        return Forged().replace(front=head + keyring)

    return forged


NEXT = root_keys(NEXT_ROOT, version=2)

ATTACKS = {
    # who signed it
    "a newer keyring, unsigned": Attack(
        "keyring not trusted: no signature", behind(with_stranger(), signer=STRANGER)
    ),
    "a newer keyring by a stranger": Attack(
        "keyring not trusted: unknown key {stranger}", behind(with_stranger(STRANGER), signer=STRANGER)
    ),
    "a newer keyring by a release key": Attack(
        "keyring not trusted: unknown key {release}", behind(with_stranger(RELEASE), signer=STRANGER)
    ),
    "a manifest in a keyring's place": Attack(
        f"envelope holds {MANIFEST}, not {KEYRING}", behind(Forged().envelope)
    ),
    # how old it is
    "an older keyring that revoked nobody yet": Attack(
        "release not trusted: key {revoked} is revoked", behind(ring(version=6, revoked=[]), signer=REVOKED)
    ),
    "an older keyring that is signed by nobody": Attack(
        "release not trusted: unknown key {stranger}", behind(with_stranger(version=6), signer=STRANGER)
    ),
    "another keyring of the same version": Attack(
        "keyring is another one than the keyring of version 7 that is known",
        behind(with_stranger(ROOT, version=7), signer=STRANGER),
    ),
    "a keyring of version 0": Attack("keyring: version is not valid: 0", behind(ring(version=0))),
    "a keyring of version 2^31": Attack(
        "keyring: version is not valid: 2147483648", behind(ring(version=2**31))
    ),
    "a keyring of version true": Attack("keyring: version is not valid: True", behind(ring(version=True))),
    "a newer keyring, then the older one again": Attack(
        "release not trusted: key {release} is revoked",
        behind(ring(version=8, revoked=[NAMES["release"]]), ring(version=7)),
        learnt=True,
    ),
    # what it says
    "a newer keyring that revokes the signer": Attack(
        "release not trusted: key {release} is revoked",
        behind(ring(version=8, revoked=[NAMES["release"]])),
        learnt=True,
    ),
    "a newer keyring that wants two": Attack(
        "release not trusted: 1 of 2 signatures", behind(ring(version=8, threshold=2)), learnt=True
    ),
    "a newer keyring that wants none": Attack(
        "keyring: a threshold under 1 would trust anything", behind(ring(version=8, threshold=0))
    ),
    "a newer keyring that is garbage": Attack("keyring is not JSON", behind(ring(payload=b"\x00"))),
    # new roots
    "new roots without the old one": Attack(
        "keyring not trusted: unknown key {next_root}", behind(ring([NEXT_ROOT], version=8, roots=NEXT))
    ),
    "new roots without themselves": Attack(
        "keyring, by the new roots, not trusted: unknown key {root}",
        behind(ring([ROOT], version=8, roots=NEXT)),
    ),
    "other roots of the version known": Attack(
        "keyring brings roots of version 1 in place of other ones of version 1",
        behind(ring([ROOT, NEXT_ROOT], version=8, roots=root_keys(NEXT_ROOT))),
    ),
    "new roots that want none": Attack(
        "roots of the keyring: a threshold under 1 would trust anything",
        behind(ring([ROOT], version=8, roots=root_keys(NEXT_ROOT, version=2, threshold=0))),
    ),
    "a new root under the old one's name": Attack(
        "roots of the keyring: key {root} is not the key of that name",
        behind(
            ring([ROOT], version=8, roots={**NEXT, "keys": {NAMES["root"]: NEXT["keys"][NAMES["next_root"]]}})
        ),
    ),
    "the old root after it was replaced": Attack(
        "keyring not trusted: unknown key {root}",
        behind(
            ring([ROOT, NEXT_ROOT], version=8, roots=NEXT), with_stranger(ROOT, version=9), signer=STRANGER
        ),
        learnt=True,
    ),
    # form
    "nine keyrings": Attack(
        "more than 8 keyrings in front of the header", behind(*[sealed(KEYRING, b'{"version":1}', ())] * 9)
    ),
    "a section of another format": Attack(
        "keyring section of format 2 is not known, only 1 is", section(number=2)
    ),
    "a section of 4 GiB": Attack("keyring length 4294967295 is not in 1..16384", section(length=-1)),
    "an empty section": Attack("keyring length 0 is not in 1..16384", section(length=0)),
    "a section one byte short": Attack("envelope is not JSON", section(length=len(ring(version=8)) - 1)),
    "a section with another magic": Attack("not a release: begins with b'FRKX'", section(magic=b"FRKX")),
}
