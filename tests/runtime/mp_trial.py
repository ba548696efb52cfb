from bootloader import bootctl, decide, runtime
from tests.boot.flash import Flash, mounted, unmount


def trial(**changes):
    record = runtime.start_trial(bootctl.default(), "ota_1", "ota_0", 4, "d1")
    return bootctl.changed(record, runtime=bootctl.changed(record["runtime"], **changes))


def refuses(function, *args):
    try:
        function(*args)
    except ValueError as error:
        return str(error)
    raise AssertionError("was not refused")


class Images:
    """board/runtime's Runtime, with what otadata would be told; an image in `bad` does not verify."""

    def __init__(self, label, bad=()):
        self.label, self.bad, self.told = label, bad, []

    def start_next(self, label):
        if label in self.bad:
            raise OSError(-5379, "ESP_ERR_OTA_VALIDATE_FAILED")
        self.told.append(label)

    def keep(self):
        self.told.append("keep")


class Board:
    def __init__(self, label, bad=()):
        self.runtime = Images(label, bad)
        self.power, self.resets = self, 0

    def reset(self):
        self.resets += 1


def settled(label, record, state=decide.IDLE, bad=()):
    """(what otadata was told and when a reset came, the record kept) of a start of the loader."""
    board, root = Board(label, bad), mounted(Flash(), new=True)
    bootctl.save(record, root)
    runtime.settle(board, state, record, root)
    kept = bootctl.load(root)
    unmount()
    return board.runtime.told + ["reset"] * board.resets, kept


def test_a_record_says_what_is_on_trial():
    assert bootctl.on_trial(bootctl.default()) == ""
    assert bootctl.on_trial(trial()) == "runtime"
    assert bootctl.on_trial(bootctl.start_trial(bootctl.default(), "b")) == "app"


def test_one_trial_at_a_time():
    assert "ota_1 is on trial" in refuses(bootctl.start_trial, trial(), "b")
    app = bootctl.start_trial(bootctl.default(), "b")
    assert "slot b is on trial" in refuses(runtime.start_trial, app, "ota_1", "ota_0", 1, "d")


def test_each_start_of_the_new_image_is_one_try_whoever_began_it():
    record, ran = trial(), []
    for running in ("ota_0", "ota_1", "ota_1", "ota_1", "ota_1"):
        label, record = runtime.next_start(record, running)
        ran.append((label, record["runtime"]["tries_left"]))
    assert ran == [("ota_1", 2), ("ota_1", 2), ("ota_1", 1), ("ota_1", 0), ("ota_0", 0)]


def test_an_image_that_never_starts_has_three_tries():
    record, ran = trial(), []
    while record["runtime"]:
        label, record = runtime.next_start(record, "ota_0")
        ran.append(label)
    assert ran == ["ota_1", "ota_1", "ota_1", "ota_0"]
    assert (
        record["reason"] == "the runtime in ota_1 was not confirmed in 3 tries" and record["release"] == "d1"
    )


def test_given_up_it_goes_back_however_often_that_takes_but_not_for_ever():
    record, ran = runtime.give_up(trial(switched=True), "no good"), []
    while record["runtime"]:
        label, record = runtime.next_start(record, "ota_1")
        ran.append(label)
    assert ran == ["ota_0", "ota_0", "ota_0", "ota_1"]
    assert record["reason"] == "no good; ota_0 does not start any more"


def test_given_up_and_back_it_is_over_with_its_reason():
    label, record = runtime.next_start(runtime.give_up(trial(), "no good"), "ota_0")
    assert (label, record["runtime"], record["reason"]) == ("ota_0", None, "no good")


def test_floors_are_each_kinds_own_and_rise_on_confirm_only():
    assert bootctl.floor(trial(), "runtime") == 0
    record = runtime.confirm(trial())
    assert (bootctl.floor(record, "runtime"), bootctl.floor(record, "app")) == (4, 0)
    assert record["runtime"] is None and record["reason"] == ""
    assert runtime.next_start(runtime.give_up(trial(), "x"), "ota_0")[1]["runtime_floor"] == 0


def test_a_reason_fits_the_record():
    record = runtime.give_up(trial(backs_left=0), "x" * 500)
    _, record = runtime.next_start(record, "ota_1")
    assert len(record["reason"]) == 200 and record["reason"].endswith("; ota_0 does not start any more")


def test_the_loader_counts_then_tells_otadata_then_resets():
    did, kept = settled("ota_0", trial())
    assert did == ["ota_1", "reset"]
    assert (kept["runtime"]["tries_left"], kept["runtime"]["switched"]) == (2, True)
    did, kept = settled("ota_1", kept)
    assert did == [] and kept["runtime"]["switched"] is False


def test_a_recording_or_a_discharge_is_not_put_off_for_a_first_try():
    for state in (decide.RECORD, decide.DISCHARGE):
        assert settled("ota_0", trial(), state) == ([], trial())
        assert settled("ota_1", trial(switched=True), state)[0] == []


def test_what_stays_is_said_to_otadata_before_the_record_ends():
    did, kept = settled("ota_0", runtime.give_up(trial(), "no good"))
    assert did == ["keep"] and kept["runtime"] is None and kept["reason"] == "no good"


def test_a_bad_image_is_not_tried_and_a_bad_way_back_not_taken():
    did, kept = settled("ota_0", trial(), bad=("ota_1",))
    assert did == ["keep"] and kept["runtime"] is None and kept["reason"].startswith("ota_1 can't be started")
    did, kept = settled("ota_1", runtime.give_up(trial(), "no good"), bad=("ota_0",))
    assert (
        did == ["keep"] and kept["runtime"] is None and kept["reason"].startswith("no good; ota_0 can't be")
    )


def test_a_record_survives_its_file_and_a_wrong_part_makes_it_unreadable():
    root = mounted(Flash(), new=True)
    bootctl.save(trial(), root)
    assert bootctl.load(root) == trial()
    for wrong in ({"tries_left": 4}, {"tries_left": -1}, {"label": ""}, {"label": "x" * 17}, {"switched": 1},
                  {"backs_left": None}, {"security_version": True}):  # fmt: skip
        assert "not a boot record" in refuses(bootctl.save, trial(**wrong), root)
    unmount()


def test_a_record_of_a_loader_that_knew_no_runtime_is_read():
    import binascii
    import json

    root, record = mounted(Flash(), new=True), bootctl.default()
    del record["runtime"], record["runtime_floor"]
    text = json.dumps(record).encode()
    with open(root + "/boot.json", "wb") as file:
        file.write(text + b"\n%08x" % binascii.crc32(text))
    assert bootctl.load(root) == bootctl.default()
    unmount()
