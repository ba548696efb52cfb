"""Changing whom devices trust: the next version of a folder's keyring (tools/keys), signed by the roots.

A change that not enough roots have signed waits in keyring.next.json, a further change joins it, and `sign` adds
signatures, at another place if need be. Once there are enough it takes the place of keyring.json. Devices learn of
it when it stands in front of a release, or comes with a new device.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools import keys, signers, signing
from wire import dsse, trust


@dataclass(frozen=True)
class Outcome:
    """`missing`: why the keyring is not in force yet; empty if it is."""

    version: int
    signed_by: list[str]
    missing: str


def add(folder: Path, public: bytes, kinds: Iterable[str], roots: Iterable[str] = ()) -> Outcome:
    """Let a release key sign `kinds`; what it might sign before is replaced."""
    allowed = keys.checked_kinds(kinds)

    def alter(keyring: dict) -> None:
        name = trust.keyid(public)
        if name in keyring["revoked"]:
            raise ValueError(f"key {name} is revoked: what is revoked once is never trusted again")
        keyring["keys"][name] = {"public": public.hex(), "kinds": allowed}

    return _change(folder, alter, roots)


def revoke(folder: Path, name: str, roots: Iterable[str] = ()) -> Outcome:
    """Trust nothing that the release key signed, nor signs."""

    def alter(keyring: dict) -> None:
        if name not in keyring["keys"]:
            raise ValueError(f"no release key {name}: there are {', '.join(sorted(keyring['keys']))}")
        keyring["revoked"] = sorted({*keyring["revoked"], name})

    return _change(folder, alter, roots)


def set_threshold(folder: Path, threshold: int, roots: Iterable[str] = ()) -> Outcome:
    """How many keys must have signed a release."""
    return _change(folder, lambda keyring: keyring.update(threshold=threshold), roots)


def change_roots(
    folder: Path,
    added: Iterable[bytes] = (),
    removed: Iterable[str] = (),
    threshold: int | None = None,
    roots: Iterable[str] = (),
) -> Outcome:
    """Other roots, or another number of them: signed by enough of the old ones and enough of the new ones."""
    known = keys.load_roots(folder / keys.ROOTS)

    def alter(keyring: dict) -> None:
        before = trust.roots_of(keyring, known)
        left = {**before["keys"], **{trust.keyid(public): public.hex() for public in added}}
        for name in removed:
            if left.pop(name, None) is None:
                raise ValueError(f"no root {name}: there are {', '.join(sorted(before['keys']))}")
        least = threshold or before["threshold"]
        if not 0 < least <= len(left):
            raise ValueError(f"{least} of {len(left)} roots can't sign")
        version = trust.version_of(known) + 1
        keyring["roots"] = {"version": version, "keys": left, "threshold": least}

    return _change(folder, alter, roots)


def sign(folder: Path, roots: Iterable[str] = ()) -> Outcome:
    """Add signatures to the change that waits."""
    payload, signatures = _parse(folder / keys.NEXT)
    added = _signed(folder, payload, roots)
    keys.write_envelope(folder / keys.NEXT, payload, signing.merged(signatures, added))
    return _settle(folder)


def _change(folder: Path, alter: Callable[[dict], None], roots: Iterable[str]) -> Outcome:
    keyring = _draft(folder)
    alter(keyring)
    _check(keyring)
    payload = signing.canonical(keyring)
    keys.write_envelope(folder / keys.NEXT, payload, _signed(folder, payload, roots))
    return _settle(folder)


def _draft(folder: Path) -> dict:
    """The keyring to change: the one that waits, or a copy of the one in force, numbered one higher."""
    keyring = keys.open_keyring(folder / keys.ROOTS, folder / keys.KEYRING)
    version = keyring["version"] + 1
    waiting = folder / keys.NEXT
    if not waiting.exists():
        return {**keyring, "version": version}
    draft = json.loads(_parse(waiting)[0])
    if draft["version"] != version:
        raise ValueError(f"{waiting} is of version {draft['version']}, not {version}: remove it")
    return draft


def _check(keyring: dict) -> None:
    """A threshold that can't be met would be the end of updates."""
    kinds = {kind for key in keyring["keys"].values() for kind in key["kinds"]}
    good = [key for name, key in keyring["keys"].items() if name not in keyring["revoked"]]
    for kind in sorted(kinds):
        count = sum(kind in key["kinds"] for key in good)
        if not 0 < keyring["threshold"] <= count:
            raise ValueError(f"{keyring['threshold']} of {count} keys can't sign {kind}: add a key first")


def _signed(folder: Path, payload: bytes, roots: Iterable[str]) -> list[signing.Signature]:
    """Signatures by `roots` (tools/signers), or else by each private key in the folder that is a root's."""
    known = keys.load_roots(folder / keys.ROOTS)
    may = {*known["keys"], *trust.roots_of(json.loads(payload), known)["keys"]}
    with ExitStack() as stack:
        given = [stack.enter_context(signers.opened(name)) for name in roots]
        strange = [trust.keyid(signer.public) for signer in given if trust.keyid(signer.public) not in may]
        if strange:
            raise ValueError(f"key {strange[0]} is no root: there are {', '.join(sorted(may))}")
        here = [key for _, key in keys.private_keys(folder) if trust.keyid(key.public) in may]
        made = [signing.sign(signer, dsse.PAYLOAD_TYPE_KEYRING, payload) for signer in given or here]
        return signing.merged([], made)


def _settle(folder: Path) -> Outcome:
    """Put the keyring that waits in force if enough roots have signed it.

    The order is the devices': at each moment keyring.json holds with the roots.json beside it.
    """
    waiting = folder / keys.NEXT
    payload, signatures = _parse(waiting)
    outcome = Outcome(json.loads(payload)["version"], [name for name, _ in signatures], "")
    known = keys.load_roots(folder / keys.ROOTS)
    try:
        keyring = keys.open_keyring(folder / keys.ROOTS, waiting)
    except trust.TrustError as error:
        return Outcome(outcome.version, outcome.signed_by, str(error))
    latest = trust.roots_of(keyring, known)
    if latest is not known:
        keys.replace(folder / f"keyring.{outcome.version}.json", waiting.read_bytes())
    keys.replace(folder / keys.KEYRING, waiting.read_bytes())
    if latest is not known:
        keys.replace(folder / keys.ROOTS, signing.canonical(latest))
    waiting.unlink()
    return outcome


def _parse(path: Path) -> tuple[bytes, list[signing.Signature]]:
    return dsse.parse(path.read_bytes())[1:]
