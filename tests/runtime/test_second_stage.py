"""`otadata` and the choice of the image at a start, as ESP-IDF documents them, seen from MicroPython's own API."""

import hashlib
import struct

import pytest

from tests.runtime.life import NEW, OLD, make
from tools.virtual import chip
from tools.virtual.board import VirtualBoard

espimage, otadata = chip.espimage, chip.otadata
NEW_STATE, PENDING, VALID, ABORTED, UNDEFINED = (
    otadata.NEW, otadata.PENDING, otadata.VALID, otadata.ABORTED, otadata.UNDEFINED,
)  # fmt: skip
HEAD = "import machine\nfrom esp32 import Partition\nP = Partition\nrunning = P(P.RUNNING)\nlabel = running.info()[4]\n"
SIZE = 4096


class Bench:
    """A board with an image in each slot, whose /boot.py is given; its world is at rest."""

    def __init__(self, folder, second: bytes, script: str):
        self.board = VirtualBoard.create(
            folder, {"boot.py": (HEAD + script).encode()}, runtime=make(OLD, SIZE)
        )
        self.write(second)

    def write(self, image: bytes, label: str = "ota_1", at: int = 0) -> None:
        with open(self.board.folder / "flash.img", "r+b") as flash:
            flash.seek(chip.TABLE[label][2] + at)
            flash.write(image)

    def entries(self, *entries: tuple[int, int] | None) -> None:
        """(sequence number, state) of each; None is an erased sector."""
        self.write(b"\xff" * 8192, "otadata")
        for number, entry in enumerate(entries):
            if entry:
                crc = otadata._crc(entry[0])
                self.write(
                    struct.pack("<I20sII", entry[0], b"\xff" * 20, entry[1], crc), "otadata", 4096 * number
                )

    def states(self) -> list:
        """[(sequence number, state)] or None of what holds nothing."""
        return [(e[0], e[1]) if e[2] else None for e in chip.otadata_of(self.board.folder).entries]

    def start(self) -> str:
        """From power-on to the first label printed."""
        self.board.close()
        begin = len(self.board.lines)
        self.board.power_on()
        self.board.run_until(lambda: len(self.board.lines) > begin, 5000, "a line")
        return self.board.lines[begin]


@pytest.fixture
def bench(tmp_path):
    made: list[Bench] = []

    def make_bench(script: str = "print(label)\n", second: bytes | None = None) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), second or make(NEW, SIZE), script))
        return made[-1]

    yield make_bench
    for each in made:
        each.board.close()


# entries before a start: (what runs, entries after it)
CHOICES = [
    ((None, None), "ota_0", [(1, VALID), None]),  # as flashed at the factory
    (((1, VALID), None), "ota_0", [(1, VALID), None]),
    (((1, VALID), (2, NEW_STATE)), "ota_1", [(1, VALID), (2, PENDING)]),
    (((1, VALID), (2, PENDING)), "ota_0", [(1, VALID), (2, ABORTED)]),
    (((1, VALID), (2, VALID)), "ota_1", [(1, VALID), (2, VALID)]),
    (((1, VALID), (2, UNDEFINED)), "ota_1", [(1, VALID), (2, UNDEFINED)]),
    (((3, VALID), (2, VALID)), "ota_0", [(3, VALID), (2, VALID)]),
    (((1, VALID), (2, ABORTED)), "ota_0", [(1, VALID), (2, ABORTED)]),
    (((4, NEW_STATE), (3, VALID)), "ota_1", [(4, PENDING), (3, VALID)]),
    # neither holds any more: from the first slot on, whatever is good
    (((3, PENDING), (2, ABORTED)), "ota_0", [(3, ABORTED), (2, ABORTED)]),
]


@pytest.mark.parametrize(("before", "runs", "after"), CHOICES)
def test_the_choice(bench, before, runs, after):
    it = bench()
    it.entries(*before)
    assert it.start() == runs
    assert it.states() == after


def test_an_entry_with_a_wrong_crc_does_not_count(bench):
    it = bench()
    it.entries((1, VALID), (2, VALID))
    it.write(b"\0", "otadata", 4096 + 28)
    assert it.start() == "ota_0"


def test_a_damaged_image_is_passed_over(bench):
    it = bench()
    it.entries((1, VALID), (2, VALID))
    it.write(b"\0" * 16, at=1000)
    assert it.start() == "ota_0"
    it.write(b"\0" * 16, "ota_0", at=1000)
    it.board.close()
    with pytest.raises(chip.NoImage, match="neither ota_0 nor ota_1"):
        it.board.power_on()


def test_an_image_that_is_not_said_to_be_good_is_given_up_at_the_second_start(bench):
    it = bench("print(label)\nif label == 'ota_0':\n    P('ota_1').set_boot()\nmachine.reset()\n")
    it.board.power_on()
    it.board.run_until(lambda: len(it.board.lines) > 4, 20_000, "five starts")
    assert it.board.lines[:5] == ["ota_0", "ota_1", "ota_0", "ota_1", "ota_0"]


def test_one_that_is_said_to_be_good_stays(bench):
    it = bench(
        "print(label, P(P.BOOT).info()[4])\n"
        "if label == 'ota_0':\n    running.get_next_update().set_boot()\n"
        "else:\n    P.mark_app_valid_cancel_rollback()\n"
        "machine.reset()\n"
    )
    it.board.power_on()
    it.board.run_until(lambda: len(it.board.lines) > 3, 20_000, "four starts")
    assert it.board.lines[:4] == ["ota_0 ota_0"] + ["ota_1 ota_1"] * 3
    it.board.close()
    assert it.states() == [(1, VALID), (2, VALID)]


def test_good_is_said_of_what_is_to_be_started_not_of_what_runs(bench):
    """Why board/runtime looks first."""
    it = bench("P('ota_1').set_boot()\nP.mark_app_valid_cancel_rollback()\nprint(label)\n")
    assert it.start() == "ota_0"
    assert it.states() == [(1, VALID), (2, VALID)]


@pytest.mark.parametrize(("fast_wake", "wakes"), [(True, "ota_0"), (False, "ota_1")])
def test_a_wake_up_from_deep_sleep_goes_on_with_the_image_that_ran(bench, fast_wake, wakes):
    """Why set_boot must be followed by a reset: stock MicroPython is built with fast_wake."""
    it = bench("print(label)\nif label == 'ota_0':\n    P('ota_1').set_boot()\n    machine.deepsleep(1000)\n")
    it.board.chip.fast_wake = fast_wake
    it.board.power_on()
    it.board.run_until(lambda: len(it.board.lines) > 1, 20_000, "the wake-up")
    assert it.board.lines[:2] == ["ota_0", wakes]


def test_deep_sleep_on_trial_is_no_second_start(bench):
    it = bench(
        "print(label)\nif label == 'ota_0':\n    P('ota_1').set_boot()\n    machine.reset()\nmachine.deepsleep(1000)\n"
    )
    it.board.power_on()
    it.board.run_until(lambda: len(it.board.lines) > 3, 20_000, "the wake-ups")
    assert it.board.lines[:4] == ["ota_0", "ota_1", "ota_1", "ota_1"]


DAMAGES = {
    "magic": (0, b"\x00", "begins with 0x00"),
    "segments": (1, b"\x11", "17 segments"),
    "length": (28, struct.pack("<I", 1 << 24), "does not fit"),
    "data": (2000, b"\x5a", "checksum"),
    "two bytes alike": (2000, b"\x5a\x5a", "SHA-256"),
    "hash": (SIZE - 1, b"\x5a", "SHA-256"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_set_boot_verifies_the_image(bench, damage):
    at, data, words = DAMAGES[damage]
    good = make(NEW, SIZE)
    new = bytes(old ^ 0x5A for old in good[at : at + len(data)]) if b"\x5a" in data else data
    it = bench(
        "try:\n    P('ota_1').set_boot()\nexcept OSError as error:\n    print(error)\n",
        good[:at] + new + good[at + len(new) :],
    )
    assert words in it.start()
    it.board.run_for(100)
    assert "(-5379, 'ESP_ERR_OTA_VALIDATE_FAILED')" in it.board.lines[-1]
    assert it.states() == [(1, VALID), None]


def test_power_cut_in_each_operation_on_otadata(bench):
    """From set_boot to the mark: what starts is the old image or the new one, never none."""
    it = bench(
        "print(label)\n"
        "if label == 'ota_0':\n    P('ota_1').set_boot()\nelse:\n    P.mark_app_valid_cancel_rollback()\n"
    )
    seen = set()
    for start in range(2):
        for number in range(4):
            for share in (0, 0.3, 0.99):
                it.entries((1, VALID), (2, NEW_STATE) if start else None)
                it.board.close()
                it.board.cut = [number, share]
                it.board.power_on()
                it.board.run_for(2000)
                seen.add((start, it.board.ends[-1:] == ["cut"], it.start()))
                it.board.cut = None
    assert {label for _, _, label in seen} == {"ota_0", "ota_1"}


def test_images_are_what_esp_idf_takes(tmp_path):
    """The fixed parts by the documentation of the format, which esptool 5.6.0 confirmed (docs/runtime.md)."""
    image = make(NEW, SIZE)
    assert len(image) == SIZE and image[0] == 0xE9 and image[23] == 1
    assert struct.unpack("<H", image[12:14])[0] == 9  # ESP32-S3
    assert struct.unpack("<I", image[32:36])[0] == 0xABCD5432
    assert image[48:54] == NEW.encode() and image[80:91] == b"micropython"
    assert hashlib.sha256(image[:-32]).digest() == image[-32:]
    assert espimage.verify(lambda at, size: image[at : at + size], 1 << 20) == SIZE
