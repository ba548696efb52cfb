"""Kept combs, on a littlefs in memory: derived once, sealed, and never trusted when they don't fit."""

import binascii
import os

import vfs

from bootloader import comb, p256
from tests.boot.flash import Flash, PowerCut, mounted, unmount
from tests.crypto.device_vectors import DIGEST, PUBLIC, SAMPLE, TEST, point, signed

KEY = "60fed4ba255a9d31"
GENERATOR = "6b17d1f2e12c4247"
SIZE = 256 * 64 + 32


class Unreadable(Flash):
    """Fails at each read from the `fails_at`-th on."""

    reads = 0
    fails_at = 10**9

    def readblocks(self, block, buffer, offset=0):
        self.reads += 1
        if self.reads > self.fails_at:
            raise OSError(5)
        super().readblocks(block, buffer, offset)


class Cut(Flash):
    """Says that it failed, as a driver does; what raises through littlefs leaves a file open for a finaliser."""

    def writeblocks(self, block, buffer, offset=0):
        try:
            super().writeblocks(block, buffer, offset)
        except PowerCut:
            return -5

    def ioctl(self, operation, argument):
        try:
            return super().ioctl(operation, argument)
        except PowerCut:
            return -5


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def device(flash=None, secret=b"s" * 32):
    """(its root, a verifier) of a device without combs."""
    root = mounted(flash or Flash(32), new=True)
    os.mkdir(root + "/etc")
    write(root + "/etc/seal.key", secret)
    return root, comb.Verifier(root)


def both_answers_right(verifier):
    return verifier.verify(PUBLIC, DIGEST, SAMPLE) is True and verifier.verify(PUBLIC, DIGEST, TEST) is False


def test_a_comb_is_derived_once_and_read_after_that():
    flash = Flash(32)
    root, verifier = device(flash)
    assert both_answers_right(verifier)
    assert sorted(os.listdir(root + "/etc/combs")) == [KEY, GENERATOR]
    assert read(root + "/etc/combs/" + KEY)[:-32] == b"".join(p256.comb(PUBLIC, 8))
    operations = flash.operations
    assert both_answers_right(verifier) and both_answers_right(comb.Verifier(root))
    assert flash.operations == operations
    unmount()


def test_what_is_malformed_is_false_and_gets_no_comb():
    root, verifier = device()
    off_curve = PUBLIC[:63] + bytes((PUBLIC[63] ^ 1,))
    for given in (
        (off_curve, DIGEST, SAMPLE),
        (bytes(64), DIGEST, SAMPLE),
        (None, DIGEST, SAMPLE),
        (PUBLIC, DIGEST, bytes(64)),
        (PUBLIC, DIGEST[1:], SAMPLE),
    ):
        assert verifier.verify(*given) is False
    assert "combs" not in os.listdir(root + "/etc")
    unmount()


def test_a_changed_comb_is_derived_anew():
    root, verifier = device()
    assert both_answers_right(verifier)
    for name in (GENERATOR, KEY):
        path = root + "/etc/combs/" + name
        good = read(path)
        assert len(good) == SIZE
        for at in (0, 63, 64 * 77, SIZE - 33, SIZE - 32, SIZE - 1):
            write(path, good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
            assert both_answers_right(verifier) and read(path) == good, at
        for wrong in (b"", good[:-1], good[:-32], good[: SIZE // 2], good + b"\x00", bytes(SIZE)):
            write(path, wrong)
            assert both_answers_right(verifier) and read(path) == good, len(wrong)
    unmount()


def test_a_comb_of_another_key_makes_no_forgery():
    """Sealed by this very device, but of the forger's key: under the name of a trusted one it is not taken."""
    root, verifier = device()
    forgers, forged = point(4711), signed(4711, DIGEST, 99)
    assert both_answers_right(verifier) and verifier.verify(forgers, DIGEST, forged) is True
    good, theirs = (
        read(f"{root}/etc/combs/{name}") for name in (KEY, binascii.hexlify(forgers[:8]).decode())
    )
    for wrong in (theirs, theirs[:-32] + good[-32:]):
        write(root + "/etc/combs/" + KEY, wrong)
        assert verifier.verify(PUBLIC, DIGEST, forged) is False
        assert read(root + "/etc/combs/" + KEY) == good
    unmount()


def test_a_comb_of_another_device_is_derived_anew():
    root, verifier = device()
    assert both_answers_right(verifier)
    theirs = read(root + "/etc/combs/" + KEY)
    write(root + "/etc/seal.key", b"t" * 32)
    assert both_answers_right(verifier)
    ours = read(root + "/etc/combs/" + KEY)
    assert ours[:-32] == theirs[:-32] and ours[-32:] != theirs[-32:]
    unmount()


def test_without_a_secret_nothing_is_kept():
    for secret in (b"", b"s" * 31, b"s" * 33):
        root, verifier = device(secret=secret)
        assert both_answers_right(verifier) and "combs" not in os.listdir(root + "/etc")
        os.remove(root + "/etc/seal.key")
        assert both_answers_right(verifier) and "combs" not in os.listdir(root + "/etc")
        unmount()


def test_on_a_full_flash_it_is_slower_and_leaves_nothing():
    flash = Flash(10)
    root, verifier = device(flash)
    os.mkdir(root + "/etc/combs")
    for i in range(2):
        write(f"{root}/room{i}", b"r" * 1000)
    try:
        while True:
            write(f"{root}/filler{flash.operations}", b"f" * 1000)
    except OSError as error:
        assert error.errno == 28, error
    os.remove(root + "/room0")  # a part of a comb will fit
    os.remove(root + "/room1")
    operations = flash.operations
    assert both_answers_right(verifier)
    assert flash.operations > operations and os.listdir(root + "/etc/combs") == []
    unmount()


def test_on_a_flash_that_is_read_only_it_is_slower():
    flash = Flash(32)
    root, _ = device(flash)
    unmount()
    vfs.mount(vfs.VfsLfs2(flash), root, readonly=True)  # type: ignore  # as in tests/boot/flash
    verifier = comb.Verifier(root)
    assert both_answers_right(verifier)
    verifier.keep(())
    assert "combs" not in os.listdir(root + "/etc")
    unmount()


def test_a_flash_that_fails_while_a_comb_is_read():
    flash = Unreadable(32)
    _, verifier = device(flash)
    assert both_answers_right(verifier)
    start = flash.reads
    assert verifier.verify(PUBLIC, DIGEST, SAMPLE)
    reads = flash.reads - start
    for at in range(0, reads, reads // 12):
        flash.fails_at = flash.reads + at
        assert verifier.verify(PUBLIC, DIGEST, SAMPLE) is True, at
        flash.fails_at = 10**9
    unmount()


def test_the_number_of_combs_is_bounded():
    root, verifier = device()
    assert both_answers_right(verifier)
    for i in range(14):
        write(f"{root}/etc/combs/{i:016x}", b"")
    other, signature = point(4711), signed(4711, DIGEST, 99)
    assert verifier.verify(other, DIGEST, signature) is True
    assert len(os.listdir(root + "/etc/combs")) == 16
    write(root + "/etc/combs/" + KEY, b"")  # one that is there is still replaced
    assert both_answers_right(verifier) and len(read(root + "/etc/combs/" + KEY)) == SIZE
    unmount()


def test_keep_removes_the_combs_of_all_other_keys():
    root, verifier = device()
    verifier.keep(())  # none there is fine
    assert both_answers_right(verifier)
    for name in ("0011223344556677", "new"):
        write(root + "/etc/combs/" + name, b"")
    verifier.keep([binascii.hexlify(PUBLIC).decode().upper()])
    assert sorted(os.listdir(root + "/etc/combs")) == [KEY, GENERATOR]
    verifier.keep([])
    assert os.listdir(root + "/etc/combs") == [GENERATOR]
    unmount()


def test_a_power_cut_while_a_comb_is_kept():
    """At each flash operation: after it the device verifies, and has a whole comb or derives it again."""
    flash = Flash(32)
    root, verifier = device(flash)
    assert both_answers_right(verifier)
    os.remove(root + "/etc/combs/" + KEY)
    unmount()
    before, cut, flash = bytes(flash.data), 0, Flash(32)
    while not cut or cut <= flash.operations:
        cut += 3
        flash = Cut(data=bytearray(before), cut_at=cut)
        verifier = comb.Verifier(mounted(flash))
        assert verifier.verify(PUBLIC, DIGEST, SAMPLE) is True
        unmount()
        root = mounted(Flash(data=flash.data))
        assert both_answers_right(comb.Verifier(root))
        assert len(read(root + "/etc/combs/" + KEY)) == SIZE
        unmount()
    assert cut > 60, cut
