import binascii
import hashlib
import os

from bootloader import slots
from tests.boot.flash import Flash, mounted, unmount

FILES = {"app/main.mpy": b"m" * 10000, "app/__init__.mpy": b"", "wire/topics.mpy": b"t" * 4096}


def manifest_of(files):
    rows, offset = [], 0
    for path in sorted(files):
        content = files[path]
        sha256 = binascii.hexlify(hashlib.sha256(content).digest()).decode()
        rows.append(f'{{"offset":{offset},"path":"{path}","sha256":"{sha256}","size":{len(content)}}}')
        offset += len(content)
    return f'{{"files":[{",".join(rows)}],"version":"1.0.0"}}'.encode()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def installed(slot="a"):
    """The root of a device with FILES in a sealed slot."""
    root = mounted(Flash(24), new=True)
    for folder in ("/etc", "/a", "/b", f"/{slot}/app", f"/{slot}/wire"):
        os.mkdir(root + folder)
    write(root + "/etc/seal.key", b"s" * 32)
    for path, content in FILES.items():
        write(f"{root}/{slot}/{path}", content)
    slots.write_seal(slot, manifest_of(FILES), root)
    return root


def refusal(root, slot="a"):
    try:
        slots.check(slot, root)
    except slots.SlotError as error:
        unmount()
        return str(error)
    raise AssertionError("the slot was not refused")


def test_a_sealed_slot_is_good_and_gives_its_manifest():
    root = installed("b")
    assert slots.check("b", root)["version"] == "1.0.0"
    unmount()


def test_the_spare_slot_is_the_one_not_running():
    assert slots.spare({"active": "a"}) == "b" and slots.spare({"active": "b"}) == "a"


def test_an_empty_slot_or_none_at_all_is_refused():
    assert refusal(installed(), "b") == "/flash/b/manifest.json is missing"
    root = installed()
    os.rmdir(root + "/b")
    assert refusal(root, "b") == "/flash/b/manifest.json is missing"


def test_without_its_seal_a_slot_does_not_boot_and_a_second_time_is_no_error():
    root = installed()
    slots.invalidate("a", root)
    slots.invalidate("a", root)
    os.rmdir(root + "/b")
    slots.invalidate("b", root)  # nor where there never was a slot
    assert refusal(root) == "/flash/a/seal is missing"


def test_the_seal_of_another_device_is_refused():
    root = installed()
    write(root + "/etc/seal.key", b"t" * 32)
    assert refusal(root) == "/flash/a/seal does not fit manifest.json"


def test_a_seal_cut_off_or_longer_is_refused():
    for change in (lambda seal: seal[:31], lambda seal: seal + b"\x00", lambda seal: b""):
        root = installed()
        with open(root + "/a/seal", "rb") as file:
            seal = file.read()
        write(root + "/a/seal", change(seal))
        assert refusal(root) == "/flash/a/seal does not fit manifest.json"


def test_a_changed_manifest_is_refused():
    root = installed()
    write(root + "/a/manifest.json", manifest_of(FILES).replace(b"1.0.0", b"9.0.0"))
    assert refusal(root) == "/flash/a/seal does not fit manifest.json"


def test_without_a_secret_nothing_boots():
    root = installed()
    os.remove(root + "/etc/seal.key")
    assert refusal(root) == "/flash/etc/seal.key is missing"


def test_a_secret_cut_short_is_no_secret():
    root = installed()
    write(root + "/etc/seal.key", b"")
    slots.invalidate("a", root)
    write(root + "/a/seal", b"")
    assert refusal(root) == "/flash/etc/seal.key holds 0 bytes, not 32"


def test_a_missing_file_is_named():
    root = installed()
    os.remove(root + "/a/app/main.mpy")
    assert refusal(root) == "/flash/a/app/main.mpy is missing"


def test_a_folder_in_place_of_a_file_is_refused():
    root = installed()
    os.remove(root + "/a/app/main.mpy")
    os.mkdir(root + "/a/app/main.mpy")
    assert refusal(root) == "/flash/a/app/main.mpy is missing"


def test_changed_shorter_and_longer_files_are_told_apart():
    for content, words in (
        (b"m" * 9999 + b"n", "was changed: its SHA-256 is not the manifest's"),
        (b"n" + b"m" * 9999, "was changed: its SHA-256 is not the manifest's"),
        (b"m" * 9999, "is shorter than 10000 bytes"),
        (b"m" * 10001, "is longer than 10000 bytes"),
        (b"m" * 20000, "is longer than 10000 bytes"),
        (b"", "is shorter than 10000 bytes"),
    ):
        root = installed()
        write(root + "/a/app/main.mpy", content)
        assert refusal(root) == "/flash/a/app/main.mpy " + words


def test_a_stranger_that_would_be_imported_first_is_refused():
    root = installed()
    write(root + "/a/app/main.py", b"import os")
    assert refusal(root) == "/flash/a/app/main.py is not in the manifest"
    root = installed()
    os.mkdir(root + "/a/app/main")
    assert refusal(root) == "/flash/a/app/main is not in the manifest"


def test_sealing_clears_out_what_an_older_release_left():
    root = installed()
    os.mkdir(root + "/a/old")
    os.mkdir(root + "/a/old/deep")
    write(root + "/a/old/deep/x.mpy", b"x")
    write(root + "/a/app/gone.mpy", b"x")
    slots.write_seal("a", manifest_of(FILES), root)
    slots.check("a", root)
    assert sorted(os.listdir(root + "/a")) == ["app", "manifest.json", "seal", "wire"]
    assert sorted(os.listdir(root + "/a/app")) == ["__init__.mpy", "main.mpy"]
    unmount()


def test_a_power_cut_while_sealing_leaves_a_slot_that_is_good_or_refused():
    installed()
    unmount()
    flash = Flash(24)
    root = mounted(flash, new=True)
    for folder in ("/etc", "/a", "/a/app", "/a/wire"):
        os.mkdir(root + folder)
    write(root + "/etc/seal.key", b"s" * 32)
    for path, content in FILES.items():
        write(f"{root}/a/{path}", content)
    write(root + "/a/stale.mpy", b"x")
    unmount()
    before, good, bad, cut = bytes(flash.data), 0, 0, 0
    while not cut or cut <= flash.operations:
        cut += 1
        flash = Flash(data=bytearray(before), cut_at=cut)
        try:
            slots.write_seal("a", manifest_of(FILES), mounted(flash))
        except OSError as error:
            assert error.errno == 5, error
        unmount()
        try:
            slots.check("a", mounted(Flash(data=flash.data)))
            good += 1
        except slots.SlotError:
            bad += 1
        unmount()
    assert good >= 1 and bad >= 3, (good, bad)
