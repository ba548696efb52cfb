import binascii
import json

from bootloader import bootctl
from tests.boot.flash import Flash, mounted, unmount


def trial(**changes):
    record = bootctl.start_trial(bootctl.default(), "b", "d1")
    record.update(changes)
    return record


def write_raw(root, data):
    with open(root + "/boot.json", "wb") as file:
        file.write(data)


def refuses(function, *args):
    try:
        function(*args)
    except ValueError as error:
        return str(error)
    raise AssertionError("was not refused")


def test_a_confirmed_slot_is_booted_and_nothing_changes():
    assert bootctl.next_boot(bootctl.default()) == ("a", bootctl.default())


def test_a_trial_starts_the_other_slot_and_knows_the_way_back():
    record = trial()
    assert (record["active"], record["previous"], record["state"]) == ("b", "a", "trial")
    assert (record["tries_left"], record["release"], record["reason"]) == (3, "d1", "")


def test_three_tries_are_counted_before_the_image_runs_and_then_it_reverts():
    record, booted = trial(), []
    for _ in range(5):
        slot, record = bootctl.next_boot(record)
        booted.append((slot, record["tries_left"], record["state"]))
    assert booted[:3] == [("b", 2, "trial"), ("b", 1, "trial"), ("b", 0, "trial")]
    assert booted[3:] == [("a", 3, "confirmed")] * 2
    assert record["reason"] == "slot b was not confirmed in 3 tries" and record["release"] == "d1"
    assert record["previous"] is None


def test_confirming_on_the_last_try_is_in_time():
    record = bootctl.confirm(trial(tries_left=0), 1)
    assert bootctl.next_boot(record)[0] == "b" and record["previous"] == "a"


def test_the_floor_rises_on_confirm_only_and_never_falls():
    record = trial(security_floor=2)
    assert bootctl.revert(record, "x")["security_floor"] == 2
    assert bootctl.confirm(record, 5)["security_floor"] == 5
    assert bootctl.confirm(record, 1)["security_floor"] == 2


def test_a_record_that_was_lost_finds_its_floor_at_the_confirmed_release_that_starts():
    assert bootctl.started(bootctl.default(), 3)["security_floor"] == 3
    record = bootctl.changed(bootctl.default(), security_floor=5)
    assert bootctl.started(record, 3) == record
    assert bootctl.started(trial(), 3) == trial(), "a release on trial raises nothing"


def test_a_revert_without_a_previous_slot_stays():
    record = bootctl.revert(bootctl.default(), "why")
    assert (record["active"], record["state"], record["reason"]) == ("a", "confirmed", "why")


def test_no_trial_of_the_running_slot_or_during_a_trial():
    assert "slot a is running" in refuses(bootctl.start_trial, bootctl.default(), "a")
    assert "slot c can't be tried" in refuses(bootctl.start_trial, bootctl.default(), "c")
    assert "slot b is on trial" in refuses(bootctl.start_trial, trial(), "a")


def test_transitions_leave_the_old_record_alone():
    record = trial()
    before = dict(record)
    bootctl.next_boot(record), bootctl.confirm(record, 9), bootctl.revert(record, "x")
    assert record == before


def test_a_record_is_read_back():
    root = mounted(Flash(), new=True)
    assert bootctl.load(root) == bootctl.default()
    record = trial(tries_left=1, security_floor=7, reason="früher")
    bootctl.save(record, root)
    assert bootctl.load(root) == record
    unmount()


def test_a_long_reason_is_cut_to_what_a_record_may_hold():
    root = mounted(Flash(), new=True)
    record = bootctl.revert(trial(), "\x00ü" * 1000)
    bootctl.save(record, root)
    assert bootctl.load(root) == record
    unmount()


def test_a_bad_record_is_not_saved():
    assert "not a boot record" in refuses(bootctl.save, trial(active="c"))


def test_torn_or_changed_bytes_give_the_default():
    root = mounted(Flash(), new=True)
    bootctl.save(trial(), root)
    with open(root + "/boot.json", "rb") as file:
        whole = file.read()
    lost = bootctl.default("boot record was unreadable")
    for size in range(len(whole)):
        write_raw(root, whole[:size])
        assert bootctl.load(root) == lost, size
        write_raw(root, whole[:size] + bytes([whole[size] ^ 0x20]) + whole[size + 1 :])
        assert bootctl.load(root) == lost, size
    for garbage in (b"", b"\n", b"\xff" * 100, b"\x00" * 5000, whole + b"x"):
        write_raw(root, garbage)
        assert bootctl.load(root) == lost, garbage[:10]
    unmount()


def test_fields_that_make_no_sense_give_the_default_though_the_checksum_fits():
    root = mounted(Flash(), new=True)
    for change in (
        {"active": "c"},
        {"active": None},
        {"state": "maybe"},
        {"tries_left": -1},
        {"tries_left": 4},
        {"tries_left": True},
        {"previous": "/"},
        {"security_floor": "1"},
        {"reason": 5},
        {"release": None},
    ):
        text = json.dumps(trial(**change)).encode()
        write_raw(root, text + b"\n%08x" % binascii.crc32(text))
        assert bootctl.load(root) == bootctl.default("boot record was unreadable"), change
    for text in (b"[]", b"3", b"{}", b"{"):
        write_raw(root, text + b"\n%08x" % binascii.crc32(text))
        assert bootctl.load(root)["reason"], text
    unmount()


def test_a_power_cut_at_any_flash_operation_leaves_the_old_or_the_new_record():
    flash = Flash()
    old, new = bootctl.default(), trial()
    bootctl.save(old, mounted(flash, new=True))
    unmount()
    before = bytes(flash.data)
    found: list = []
    cut = 0
    while not found or cut <= flash.operations:
        cut += 1
        flash = Flash(data=bytearray(before), cut_at=cut)
        try:
            bootctl.save(new, mounted(flash))
        except OSError as error:
            assert error.errno == 5, error
        unmount()
        flash.cut_at = None
        root = mounted(Flash(data=flash.data))
        found.append(bootctl.load(root))
        assert found[-1] in (old, new), (cut, found[-1])
        bootctl.save(new, root)  # and the flash is still good for another
        assert bootctl.load(root) == new
        unmount()
    assert found[0] == old and found[-1] == new and len(found) > 4
