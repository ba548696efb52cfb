"""What differs from the file that was signed and is taken all the same, each with the reason.

A release is its manifest: its digest is the manifest's, and what is installed are exactly the manifest's files.
"""

from tests.attacks.attack import Attack
from tests.attacks.envelopes import A
from tests.attacks.forge import RELEASE, REVOKED, STRANGER, Forged, signature, twin


def by_its_twin():
    release = Forged()
    return release.signatures((A, twin(signature(RELEASE, release))))


class Longer(Forged):
    def bytes(self) -> bytes:
        return super().bytes() + b"whatever"


HARMLESS = {
    "right in all parts": Attack(""),
    # (r, n - s) is a signature of the same key for the same manifest; it counts once, and names nothing
    "the signature's twin": Attack("", by_its_twin),
    # a bad signature spoils no good one: else a stranger's could keep a release from every device
    "a stranger's signature beside the right one": Attack("", lambda: Forged().sign(STRANGER, RELEASE)),
    "a revoked key's beside the right one": Attack("", lambda: Forged().sign(REVOKED, RELEASE)),
    # white space and unknown fields of the envelope are not signed, and not used
    "spaces after the envelope": Attack("", lambda: Forged().replace(envelope=Forged().envelope + b"  ")),
    "an unknown field of the envelope": Attack(
        "", lambda: Forged().edit('{"payload"', '{"more":1,"payload"')
    ),
    # the device asks for what the signed lengths say, and for nothing behind it
    "bytes behind the payload": Attack("", Longer),
}
