"""Attacks on the header and on the envelope: who signed, what was signed, and in which form it comes."""

from tests.attacks.attack import Attack, two_needed
from tests.attacks.forge import (
    EVIL,
    KEYRING,
    MANIFEST,
    NAMES,
    NEW,
    ORDER,
    RELEASE,
    REVOKED,
    ROOT,
    RUNTIME,
    STRANGER,
    Forged,
    b64,
    pair,
    ring,
    sealed,
    signature,
    twin,
)
from wire import dsse

A, B = NAMES["release"], NAMES["second"]
NOT_ITS = "release not trusted: signature of key {release} does not match"
ONE_OF_TWO = "release not trusted: 1 of 2 signatures"
NO_JSON = "envelope is not JSON"
TWO = "envelope has two payloads"


def signed(*signers):
    return lambda: Forged().sign(*signers)


def one_signature(sig: bytes):
    return lambda: Forged().signatures((A, sig))


def named(keyid: str, signer, payload_type: str = MANIFEST):
    """Signed by `signer` under the name of another key, or as another type."""

    def forged():
        release = Forged()
        return release.signatures((keyid, signature(signer, release, payload_type)))

    return forged


def twice(second_name: str, change=lambda sig: sig):
    """The release key's signature, and once more, maybe changed, maybe under another name."""

    def forged():
        release = Forged()
        sig = signature(RELEASE, release)
        return release.signatures((A, sig), (second_name, change(sig)))

    return forged


def edited(old: str, new: str):
    return lambda: Forged().edit(old, new)


def lengths(*lengths: int):
    return lambda: Forged().replace(lengths=lengths)


def payload_first_good_then_evil():
    """Whoever takes the first of two equal keys sees the good manifest, whoever takes the last the other."""
    good, evil = Forged(), Forged(EVIL)
    evil.envelope = good.envelope.replace(
        b',"payloadType"', f',"payload":"{b64(evil.manifest)}","payloadType"'.encode()
    )
    return evil


def payload_first_evil_then_good():
    good, evil = Forged(), Forged(EVIL)
    evil.envelope = good.envelope.replace(
        b'{"payload"', f'{{"payload":"{b64(evil.manifest)}","payload"'.encode()
    )
    return evil


def loose_signature():
    """Base64 has spare bits at the end; the same bytes could be written in four ways."""
    release = Forged()
    text = b64(signature(RELEASE, release))
    assert text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(text[-3]) ^ 1]
    return release.edit(text, text[:-3] + other + "==")


def pae_of_other_lengths():
    """The type takes a byte of the payload: only the lengths in the PAE tell the two apart."""
    release = Forged()
    sig = signature(RELEASE, release)
    release.envelope = dsse.pack(MANIFEST + " ", release.manifest, [(A, sig)])
    return release


def envelope_of_another():
    release = Forged(EVIL)
    return release.replace(envelope=Forged().envelope)


SIZE = sum(map(len, NEW.values()))
NESTED = b"[" * 20_000
NOT_BASE64 = "envelope has a {} that is not base64".format

ATTACKS = {
    # who signed
    "no signature": Attack("release not trusted: no signature", signed()),
    "signatures cut out": Attack(
        "envelope has no list of signatures", edited('"signatures"', '"signaturez"')
    ),
    "signatures null": Attack(
        "envelope has no list of signatures",
        lambda: Forged().sign().edit('"signatures":[]', '"signatures":null'),
    ),
    "a stranger": Attack("release not trusted: unknown key {stranger}", signed(STRANGER)),
    "a root key": Attack("release not trusted: unknown key {root}", signed(ROOT)),
    "a revoked key": Attack("release not trusted: key {revoked} is revoked", signed(REVOKED)),
    "a key for runtimes": Attack("release not trusted: key {runtime} may not sign app", signed(RUNTIME)),
    "all wrong keys at once": Attack(
        "release not trusted: unknown key {stranger}; key {revoked} is revoked", signed(STRANGER, REVOKED)
    ),
    "a stranger under a known name": Attack(NOT_ITS, named(A, STRANGER)),
    "signed as a keyring, served as a manifest": Attack(NOT_ITS, named(A, RELEASE, KEYRING)),
    "signed under a longer type": Attack(NOT_ITS, named(A, RELEASE, MANIFEST + " ")),
    "a signature of another manifest": Attack(
        NOT_ITS, lambda: Forged().signatures((A, signature(RELEASE, Forged(EVIL))))
    ),
    # two signatures wanted
    "one of two": Attack(ONE_OF_TWO, etc=two_needed()),
    "one signature twice": Attack(ONE_OF_TWO, twice(A), etc=two_needed()),
    "one key under two names": Attack(
        ONE_OF_TWO + "; signature of key {second} does not match", twice(B), etc=two_needed()
    ),
    "a signature and its twin": Attack(ONE_OF_TWO, twice(A, twin), etc=two_needed()),
    "one good and one revoked": Attack(
        ONE_OF_TWO + "; key {revoked} is revoked", signed(RELEASE, REVOKED), etc=two_needed()
    ),
    "one good and one for runtimes": Attack(
        ONE_OF_TWO + "; key {runtime} may not sign app", signed(RELEASE, RUNTIME), etc=two_needed()
    ),
    # numbers that are no signature
    "r is 0": Attack(NOT_ITS, one_signature(pair(0, 1))),
    "s is 0": Attack(NOT_ITS, one_signature(pair(1, 0))),
    "both are 0": Attack(NOT_ITS, one_signature(bytes(64))),
    "r is the order": Attack(NOT_ITS, one_signature(pair(ORDER, 1))),
    "s is the order": Attack(NOT_ITS, one_signature(pair(1, ORDER))),
    "all ones": Attack(NOT_ITS, one_signature(b"\xff" * 64)),
    "63 bytes": Attack("envelope has a signature of 63 bytes, not 64", one_signature(bytes(63))),
    "in DER": Attack("envelope has a signature of 70 bytes, not 64", one_signature(b"0D" + bytes(68))),
    "nine signatures": Attack(
        "envelope has more than 8 signatures", lambda: Forged().signatures(*[(A, bytes(64))] * 9)
    ),
    "a key id of 15 characters": Attack(
        "envelope has a signature without a 16-character keyid", lambda: Forged().edit(A, A[1:])
    ),
    # what was signed
    "another type": Attack(
        "envelope holds application/json, not " + MANIFEST, edited(MANIFEST, "application/json")
    ),
    "no type": Attack("envelope has no payloadType", edited('"payloadType"', '"payloadTyp"')),
    "a keyring": Attack(
        f"envelope holds {KEYRING}, not {MANIFEST}", lambda: Forged().replace(envelope=ring())
    ),
    "a keyring called a manifest": Attack(
        "release not trusted: unknown key {root}",
        lambda: Forged().replace(envelope=ring().replace(KEYRING.encode(), MANIFEST.encode())),
    ),
    "a type with one space more": Attack(f"envelope holds {MANIFEST} , not {MANIFEST}", pae_of_other_lengths),
    "the payload exchanged": Attack(
        NOT_ITS, lambda: Forged().edit(b64(Forged().manifest), b64(Forged(EVIL).manifest))
    ),
    "two payloads, the good one first": Attack(TWO, payload_first_good_then_evil),
    "two payloads, the good one last": Attack(TWO, payload_first_evil_then_good),
    "the envelope of one release, the rest of another": Attack(
        "signed, but release {good} instead of {evil}", envelope_of_another
    ),
    "signed, but another release than the job's": Attack(
        "signed, but release {good} instead of abababababababab", job={"digest": "ab" * 32}
    ),
    "signed garbage": Attack("signed, but not JSON", lambda: Forged().say_raw(b"\x00\xff")),
    "a list signed": Attack("manifest: manifest is not valid: []", lambda: Forged().say_raw(b"[]")),
    # form
    "a line end in the payload": Attack(
        NOT_BASE64("payload"), lambda: Forged().edit('","payloadType', '\\n","payloadType')
    ),
    "spare bits in the signature": Attack(NOT_BASE64("signature"), loose_signature),
    "no payload": Attack("envelope has no payload", edited('"payload"', '"Payload"')),
    "an empty payload": Attack(
        NOT_BASE64("payload"), lambda: Forged().replace(envelope=sealed(MANIFEST, b"", ()))
    ),
    "bytes after the JSON": Attack(NO_JSON, lambda: Forged().replace(envelope=Forged().envelope + b"{}")),
    "cut off": Attack(NO_JSON, lambda: Forged().replace(envelope=Forged().envelope[:-1])),
    "nested 20,000 deep": Attack(NO_JSON, lambda: Forged().replace(envelope=NESTED)),
    "a list": Attack("envelope is no object", lambda: Forged().replace(envelope=b"[]")),
    "32 KiB of spaces": Attack(NO_JSON, lambda: Forged().replace(envelope=b" " * 32768)),
    # the header, which nobody signs
    "another magic": Attack("not a release: begins with b'FRES'", lambda: Forged().replace(magic=b"FRES")),
    "another format": Attack("format 2 is not known, only 1 is", lambda: Forged().replace(format=2)),
    "an envelope of 4 GiB": Attack("envelope length 4294967295 is not in 1..32768", lengths(-1, 96, 4096)),
    "an index of 4 GiB": Attack("index length 4294967264 is not in 1..73728", lengths(100, -32, 4096)),
    "a payload of 4 GiB": Attack("payload length 4294967295 is not in 1..8388608", lengths(100, 96, -1)),
    "no envelope": Attack("envelope length 0 is not in 1..32768", lengths(0, 96, 4096)),
    "half a hash": Attack("index length 48 is no multiple of 32", lengths(100, 48, 4096)),
    "an index one hash shorter": Attack(
        "index is 256 bytes by the header, 288 by the manifest",
        lambda: Forged().replace(lengths=(len(Forged().envelope), 256, SIZE)),
    ),
    "a payload one byte longer": Attack(
        f"payload is {SIZE + 1} bytes by the header, {SIZE} by the manifest",
        lambda: Forged().replace(lengths=(len(Forged().envelope), len(Forged().index), SIZE + 1)),
    ),
}
