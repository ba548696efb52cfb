"""A slot laid out and sealed on the host is one that the device boots, and seals alike."""

import hmac

from tools import release
from tools.release_build import pack

FIELDS = {
    "kind": "app",
    "name": "fieldrec",
    "version": "1.1.0",
    "security_version": 1,
    "boards": ["virtual"],
    "requires": {"runtime": "1.26.0", "app": "0.0.0"},
    "created": "2026-01-01T00:00:00Z",
}

CHECK = """
import json, sys
from bootloader import slots
root = sys.argv[1]
try:
    print(json.dumps(slots.check("a", root)["version"]))
except slots.SlotError as error:
    print(json.dumps(str(error)))
"""

RESEAL = """
import sys
from bootloader import slots
root = sys.argv[1]
with open(root + "/a/manifest.json", "rb") as file:
    slots.write_seal("a", file.read(), root)
print("true")
"""


def test_unpacked_slots_boot_on_the_device_whose_secret_it_is(on_device, tmp_path):
    secret = bytes(range(32))
    path = tmp_path / "x.frel"
    path.write_bytes(pack(FIELDS, {"app/main.mpy": b"m" * 9000, "app/lib/x.mpy": b"", "wire/y.mpy": b"y"}))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/seal.key").write_bytes(secret)
    release.unpack(path, tmp_path / "a", secret)
    assert on_device(CHECK, tmp_path) == "1.1.0"
    assert on_device(RESEAL, tmp_path)
    manifest = (tmp_path / "a/manifest.json").read_bytes()
    assert (tmp_path / "a/seal").read_bytes() == hmac.digest(secret, manifest, "sha256")
    (tmp_path / "etc/seal.key").write_bytes(bytes(32))
    assert on_device(CHECK, tmp_path).endswith("/a/seal does not fit manifest.json")
