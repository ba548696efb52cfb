"""The combs of the keys that a device knows, each derived when its key is first met and kept in a file.

With combs of eight teeth a verification is several times as fast as without (bootloader/p256). Whoever could
plant a comb could make a forged signature look right. So `/etc/combs/NAME`, NAME being the first 8 bytes of the
key in hex, is 256 entries of 64 bytes and a seal: the HMAC of key and entries under the device's secret, checked
before each use. A comb whose seal is wrong is derived anew. Entries are read from the file one by one as they are
needed: two combs in memory would take half of a 64 KiB heap.
"""

import binascii
import errno
import os

from micropython import const

from bootloader import hmac, p256, slots

_TEETH = const(8)
_ENTRIES = const(256)
_ENTRY = const(64)
_PART = const(1024)  # bytes given to the HMAC at once
_SEAL_SIZE = const(32)
_ENOSPC = const(28)  # MicroPython has no name for it
_MOST = const(16)  # combs kept, 16 KiB each: the generator's, the roots', those of keys that sign
_LABEL = (
    b"P-256 comb, 8 teeth\n"  # a manifest, whose seal is made with the same secret, doesn't begin like that
)


class Verifier:
    """Verifies as `p256.verify` does, with combs that are kept; if they can't be kept it is slower, no more."""

    def __init__(self, root=""):
        self._root = root
        self._folder = root + "/etc/combs"
        self._open = []

    def verify(self, public_key, digest, signature):
        """As `p256.verify`. For keys that are known: each one met gets a comb, up to 16."""
        try:
            return p256.verify(public_key, digest, signature, self._comb)
        except (
            OSError,
            MemoryError,
            slots.SlotError,
        ):  # a full flash, or one that fails; a heap too full; no secret
            return p256.verify(public_key, digest, signature)
        finally:
            while self._open:
                self._open.pop().close()

    def keep(self, public_keys):
        """Remove the combs of all but these keys (in hex, as a keyring has them), and what a power cut left."""
        names = {_name(p256.GENERATOR)} | {key[:16].lower() for key in public_keys}
        try:
            for name in os.listdir(self._folder):
                if name not in names:
                    os.remove(self._folder + "/" + name)
        except OSError:  # no combs yet, or a flash that can't be written: an old comb does no harm
            return

    def _comb(self, point):
        """The kept entries of a point's comb, derived if there are none. OSError if they can't be kept."""
        name = _name(point)
        entries = self._sealed(name, point)
        if entries is None:
            self._derive(name, point)
            entries = self._sealed(name, point)
        if entries is None:
            raise OSError(errno.EIO)
        return entries

    def _sealed(self, name, point):
        """The entries in a file whose seal is right, else None."""
        try:
            file = open(self._folder + "/" + name, "rb")  # noqa: SIM115  # read on after this; verify closes it
        except OSError:
            return None
        self._open.append(file)
        code, part = self._code(point), bytearray(_PART)
        for _ in range(_ENTRIES * _ENTRY // _PART):
            file.readinto(part)
            code.update(part)
        return _Entries(file) if hmac.equal(file.read(_SEAL_SIZE + 1), code.digest()) else None

    def _derive(self, name, point):
        """Write beside, then rename, which littlefs does in one commit: a power cut leaves all of it or nothing."""
        code = self._code(point)
        self._make_room(name)
        new = self._folder + "/new"
        try:
            with open(new, "wb") as file:
                for entry in p256.comb(point, _TEETH):
                    file.write(entry)
                    code.update(entry)
                file.write(code.digest())
        except (OSError, MemoryError):
            os.remove(new)  # a part of a comb would only fill the flash
            raise
        os.rename(new, self._folder + "/" + name)

    def _make_room(self, name):
        try:
            names = os.listdir(self._folder)
        except OSError:
            os.mkdir(self._folder)
            return
        if name not in names and len(names) >= _MOST:
            raise OSError(_ENOSPC)

    def _code(self, point):
        code = hmac.Sha256(slots.device_secret(self._root))
        code.update(_LABEL)
        code.update(point)
        return code


def _name(point):
    return binascii.hexlify(point[:8]).decode()


class _Entries:
    """What `p256.verify` needs of a comb, read from its open file."""

    def __init__(self, file):
        self._file = file

    def __len__(self):
        return _ENTRIES

    def __getitem__(self, i):
        self._file.seek(i * _ENTRY)
        return self._file.read(_ENTRY)
