"""What this device trusts: its roots, the keyring that they signed, and the releases signed by that.

The policy is in wire/trust; here are the device's files, and its own verification. `/etc/roots.json` comes
with the device; `/etc/keyring.json` is verified against it at each use.
"""

import json

from bootloader import files, p256
from wire import frel, trust
from wire.trust import TrustError

__all__ = ["TrustError", "open_keyring", "verify_release"]


def open_keyring(root=""):
    """The keyring (wire/trust), verified. TrustError if it or the roots are missing or not to be trusted."""
    try:
        roots = json.loads(files.read(root + "/etc/roots.json", frel.MAX_ENVELOPE))
        envelope = files.read(root + "/etc/keyring.json", frel.MAX_ENVELOPE)
    except (OSError, ValueError) as error:
        raise TrustError(f"no roots.json or keyring.json that can be read in {root}/etc: {error}") from None
    return trust.open_keyring(envelope, roots, p256.verify)


def verify_release(envelope, kind, root=""):
    """(manifest, its exact bytes) of a release's envelope for this device. TrustError says why not."""
    if len(envelope) > frel.MAX_ENVELOPE:
        raise TrustError(f"envelope of {len(envelope)} bytes, at most {frel.MAX_ENVELOPE} are taken")
    return trust.open_release(envelope, open_keyring(root), p256.verify, kind)
