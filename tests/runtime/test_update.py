"""An update of MicroPython itself, from its release to the end of its trial, on the virtual board."""

import json
import random

import pytest

from tests.runtime.life import NEW, OLD, make
from tools.virtual import chip

SIZE = 24576  # six chunks
VALID = chip.otadata.VALID
EVERY = 8  # of the cut points below; `make powercut` takes all


def installed(life) -> list:
    """[where, bytes fetched, chunks, chunks not fetched] of the last installation."""
    return json.loads(life.said("installed: ")[-1].removeprefix("installed: "))


def is_settled(life, label: str) -> bool:
    """Whether that image is the one that is started for good."""
    life.board.close()
    data = chip.otadata_of(life.board.folder)
    active = data.entries[data.active()]
    return (
        chip.otadata.OTA_SLOTS[data.slot()] == label
        and active[1] == VALID
        and life.record()["runtime"] is None
    )


def test_a_good_runtime_is_installed_tried_and_kept(live):
    image = make(NEW, SIZE)
    life = live(image)
    assert life.run() == ["ota_1", "", 1]
    assert life.said("runs") == [f"runs ota_0 {OLD} ", f"runs ota_1 {NEW} runtime"]
    assert life.said("tells") == ["tells SUCCEEDED confirmed"]
    assert is_settled(life, "ota_1")
    assert chip.image_of(life.board.folder, "ota_1") == image


def test_chunks_of_the_running_image_are_not_fetched(live):
    """Two versions of the same inside differ in their first chunk and in their last one."""
    life = live(make(NEW, SIZE))
    life.run()
    head = life.board.folder.parent.joinpath("release0.frel").stat().st_size - SIZE
    assert installed(life) == ["ota_1", head + 2 * 4096, 6, 4]


def test_a_download_that_was_cut_off_goes_on(live):
    life = live(make(NEW, SIZE, salt="another"))
    life.run_to("downloading 50")
    life.run()
    assert installed(life)[2:] == [6, 3]
    assert is_settled(life, "ota_1")


def test_a_runtime_that_fails_its_self_test_goes_back_with_the_reason(live):
    life = live(make(NEW, SIZE), verdict="the radio does not come up")
    assert life.run() == ["ota_0", "self-test: life: the radio does not come up", 0]
    assert life.said("runs") == [f"runs ota_0 {OLD} ", f"runs ota_1 {NEW} runtime", f"runs ota_0 {OLD} "]
    assert is_settled(life, "ota_0")


@pytest.mark.parametrize("fault", ["panic", "bytecode", "hang"])
def test_a_runtime_that_does_not_get_so_far_is_tried_three_times(live, fault):
    """The second stage takes it back after each start; our count ends it."""
    life = live(make(NEW, SIZE, fault))
    assert life.run() == ["ota_0", "the runtime in ota_1 was not confirmed in 3 tries", 0]
    assert life.said("spl: runtime ") == ["spl: runtime ota_1 is next"] * 3
    assert is_settled(life, "ota_0")


def test_without_the_second_stages_rollback_our_own_count_brings_it_back(live):
    """Each try ends by the watchdog, and the chip starts the same image again."""
    life = live(make(NEW, SIZE, "hang"))
    life.board.chip.rollback = False
    assert life.run() == ["ota_0", "the runtime in ota_1 was not confirmed in 3 tries", 0]
    assert life.said("runs ota_1") == [f"runs ota_1 {NEW} runtime"] * 3
    assert life.said("spl: runtime ") == ["spl: runtime ota_1 is next", "spl: runtime ota_0 is next"]
    assert is_settled(life, "ota_0")


def test_an_image_that_was_damaged_after_it_was_verified_is_not_tried(live):
    life = live(make(NEW, SIZE))
    life.run_to("installed: ")
    with open(life.board.folder / "flash.img", "r+b") as flash:
        flash.seek(chip.TABLE["ota_1"][2] + 5000)
        flash.write(b"\0")
    label, reason, _ = life.run()
    assert label == "ota_0" and reason.startswith("ota_1 can't be started: ") and "VALIDATE_FAILED" in reason
    assert is_settled(life, "ota_0")


def test_a_way_back_that_is_gone_leaves_what_runs(live):
    life = live(make(NEW, SIZE), verdict="no good")
    life.run_to("resets: self-test")
    with open(life.board.folder / "flash.img", "r+b") as flash:
        flash.seek(chip.TABLE["ota_0"][2] + 5000)
        flash.write(b"\0")
    label, reason, _ = life.run()
    assert label == "ota_1" and reason.startswith("self-test: life: no good; ota_0 can't be started: ")
    assert is_settled(life, "ota_1")


def test_a_second_update_goes_into_the_other_partition(live):
    life = live(make(NEW, SIZE), make("1.31.0", SIZE))
    assert life.run() == ["ota_0", "", 1]
    assert life.said("runs ota_0") == [f"runs ota_0 {OLD} ", "runs ota_0 1.31.0 runtime"]
    assert is_settled(life, "ota_0")


@pytest.mark.parametrize(
    ("fields", "contents", "words"),
    [
        ({"version": "1.28.0"}, None, "1.28.0 is not newer than 1.29.0"),
        (
            {"requires": {"runtime": "1.29.1", "app": "0.0.0"}},
            None,
            "requires runtime 1.29.1, 1.29.0 is running",
        ),
        ({"requires": {"runtime": "1.0.0", "app": "2.0.0"}}, None, "requires app 2.0.0, 1.0.0 is running"),
        ({"boards": ["esp32s3"]}, None, "made for esp32s3, this is virtual"),
        ({}, {"firmware.bin": b"x"}, "a runtime is one file runtime.bin; here are firmware.bin"),
        ({}, {"a.bin": b"x", "runtime.bin": b"x"}, "one file"),
        ({}, {"runtime.bin": bytes(0x1F0010)}, "2031632 bytes do not fit partition ota_1 of 2031616"),
        ({"kind": "app"}, {"app/main.mpy": b"x"}, "not runtime"),
    ],
)
def test_a_release_for_another_device_is_refused_before_a_byte_is_written(live, fields, contents, words):
    life = live(make(NEW, SIZE), contents=contents, **fields)
    before = chip.partition_of(life.board.folder, "ota_1")
    life.board.power_on()
    life.board.expect_line("Refused", 20_000)
    assert words in life.said("Refused")[0]
    life.board.close()
    assert chip.partition_of(life.board.folder, "ota_1") == before
    assert life.record()["runtime"] is None


def points(counts: list[int]) -> list[tuple[int, int, float]]:
    """(start, flash operation in it, share of it that is done)"""
    operations = [(number, at) for number, count in enumerate(counts) for at in range(count)]
    return [(*each, random.Random(i).choice((0, 0.5, 0.9))) for i, each in enumerate(operations)][::EVERY]


def test_power_cut_at_steps_of_the_trial(live):
    """From the record that starts it to the one that ends it: the loader's, the second stage's and the app's steps."""
    image = make(NEW, SIZE)
    life = live(image)
    life.run_to("installed: ")
    start = life.snapshot()
    counts = life.operations()  # of each start, until it is settled
    assert len(counts) == 2 and min(counts) > 5
    for number, at, share in points(counts):
        life.restore(start)
        life.cut_in_start(number, at, share)
        assert life.run() == ["ota_1", "", 1], (number, at)
        assert is_settled(life, "ota_1")
        assert chip.image_of(life.board.folder, "ota_1") == image


def test_power_cut_at_steps_of_the_way_back(live):
    """The record that gives up, and what the loader of the old image writes: it ends with the old one, however long."""
    life = live(make(NEW, SIZE), verdict="no good")
    life.run_to("runs ota_1")
    start = life.snapshot()
    counts = life.operations()
    for number, at, share in points(counts):
        life.restore(start)
        life.cut_in_start(number, at, share)
        label, reason, _ = life.run()
        assert label == "ota_0" and reason, (number, at)
        assert is_settled(life, "ota_0")
