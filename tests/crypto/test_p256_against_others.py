"""bootloader/p256.py against keys and signatures of `ecdsa` and `cryptography`."""

import hashlib
import json
import random

import ecdsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

VERIFY = """
import json, sys
from binascii import unhexlify
from bootloader import p256
with open(sys.argv[1]) as file:
    rows = json.load(file)
print(json.dumps([p256.verify(*[unhexlify(part) for part in row]) for row in rows]))
"""


def test_signatures_of_two_packages_verify_and_fail_when_mixed_up(on_device, tmp_path):
    rows = [_by_ecdsa(i) for i in range(20)] + [_by_cryptography(i) for i in range(20)]
    mixed = [(rows[i - 1][0], rows[i][1], rows[i][2]) for i in range(len(rows))]
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps([[part.hex() for part in row] for row in rows + mixed]))
    assert on_device(VERIFY, path) == [True] * len(rows) + [False] * len(rows)


def _by_ecdsa(seed: int) -> tuple[bytes, bytes, bytes]:
    key = ecdsa.SigningKey.from_secret_exponent(random.Random(seed).getrandbits(255) + 1, ecdsa.NIST256p)
    digest = hashlib.sha256(b"%d" % seed).digest()
    return key.verifying_key.to_string(), digest, key.sign_digest_deterministic(digest, hashlib.sha256)


def _by_cryptography(seed: int) -> tuple[bytes, bytes, bytes]:
    key = ec.derive_private_key(random.Random(-1 - seed).getrandbits(255) + 1, ec.SECP256R1())
    message = b"message %d" % seed
    public = key.public_key().public_numbers()
    pair = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    point = public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
    return point, hashlib.sha256(message).digest(), b"".join(n.to_bytes(32, "big") for n in pair)
