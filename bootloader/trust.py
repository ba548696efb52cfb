"""What this device trusts: its roots, the keyring that they signed, and the releases signed by that.

The policy is in wire/trust; here are the device's files, and its own verification. `/etc/roots.json` comes
with the device; `/etc/keyring.json` is verified against it at each use. Both are replaced by a newer keyring
that travels in front of a release, the keyring first: one that brings new roots is signed by the old ones,
too, so it holds with either, and a power cut between the two files is made up for before the next is learnt.
"""

import json
import os

from bootloader import files
from bootloader.modules import unload
from wire import frel, trust
from wire.trust import TrustError

__all__ = ["TrustError", "learn", "open_keyring", "verify_release"]


def open_keyring(root=""):
    """The keyring (wire/trust), verified. TrustError if it or the roots are missing or not to be trusted."""
    return _known(root)[1]


def learn(envelope, root=""):
    """Keep a keyring if it is newer than the one here; whether it was. An older one is no matter.

    TrustError if it is newer and not to be trusted, or another one of the same version; OSError if it can't be
    written.
    """
    if len(envelope) > frel.MAX_KEYRING:
        raise TrustError(f"keyring of {len(envelope)} bytes, at most {frel.MAX_KEYRING} are taken")
    roots, known = _known(root)
    keyring = trust.newer_keyring(envelope, roots, known, _verify_for(root))
    if keyring is None:
        return False
    roots = _keep_roots(roots, known, root)
    _replace(root + "/etc/keyring.json", envelope)
    roots = _keep_roots(roots, keyring, root)
    keys = [key["public"] for key in keyring["keys"].values()] + list(roots["keys"].values())
    _with_verifier(root, lambda verifier: verifier.keep(keys))
    return True


def verify_release(envelope, kind, root=""):
    """(manifest, its exact bytes) of a release's envelope for this device. TrustError says why not."""
    if len(envelope) > frel.MAX_ENVELOPE:
        raise TrustError(f"envelope of {len(envelope)} bytes, at most {frel.MAX_ENVELOPE} are taken")
    return trust.open_release(envelope, open_keyring(root), _verify_for(root), kind)


def _known(root):
    """(roots, keyring) of the files, the keyring verified by the roots."""
    try:
        roots = json.loads(files.read(root + "/etc/roots.json", frel.MAX_KEYRING))
        envelope = files.read(root + "/etc/keyring.json", frel.MAX_KEYRING)
    except (OSError, ValueError) as error:
        raise TrustError(f"no roots.json or keyring.json that can be read in {root}/etc: {error}") from None
    return roots, trust.open_keyring(envelope, roots, _verify_for(root))


def _verify_for(root):
    """What wire/trust asks for."""
    return lambda *signed: _with_verifier(root, lambda verifier: verifier.verify(*signed))


def _with_verifier(root, use):
    """`use(verifier)`. Its code and that of the curve are in memory no longer than that: what is signed is large."""
    from bootloader.comb import Verifier

    try:
        return use(Verifier(root))
    finally:
        unload("bootloader.comb", "bootloader.p256")


def _keep_roots(roots, keyring, root):
    """The roots to go by from now on; they are written if the keyring brought them."""
    latest = trust.roots_of(keyring, roots)
    if latest is not roots:
        _replace(root + "/etc/roots.json", json.dumps(latest).encode())
    return latest


def _replace(path, content):
    """A power cut leaves the old or the new file: renaming is one commit in littlefs."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)
