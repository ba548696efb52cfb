import json
import os

from app import settings
from app.settings import Settings
from app.settingsfile import SettingsFile
from tests.boot.flash import Flash, mounted, unmount

ROOT = "/flash"


class Log:
    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(text)

    warning = info


def rename_key(kept):
    """From version 1 to 2: what was in seconds is in minutes, under another name."""
    if "segment_s" in kept:
        kept["segment_min"] = kept.pop("segment_s") // 60


def drop_private(kept):
    """From version 2 to 3."""
    kept.pop("private", None)


BOTH = (rename_key, drop_private)


def device(**files):
    """A flash with these files in /etc, a name without `.json`: content."""
    if "flash" in os.listdir("/"):
        unmount()
    mounted(Flash(), new=True)
    os.mkdir(ROOT + "/etc")
    for name, content in files.items():
        with open(f"{ROOT}/etc/{name.replace('_', '-')}.json", "w") as file:
            file.write(content if type(content) is str else json.dumps(content))


def load(steps):
    log = Log()
    return SettingsFile(ROOT, steps).load(log), log.lines


def names():
    return sorted(os.listdir(ROOT + "/etc"))


def test_a_new_device_has_none():
    device()
    assert load(()) == ({}, [])
    assert load(BOTH) == ({}, [])
    assert names() == []


def test_going_forward_changes_a_copy():
    device(settings={"segment_s": 120, "private": True})
    assert load((rename_key,)) == (
        {"segment_min": 2, "private": True},
        ["settings of version 1 are now of version 2"],
    )
    assert names() == ["settings-2.json", "settings.json"]
    assert load((rename_key,))[1] == [], "made once"


def test_several_versions_are_gone_through_one_by_one():
    device(settings={"segment_s": 120, "private": True})
    assert load(BOTH)[0] == {"segment_min": 2}


def test_the_newest_older_file_is_the_one_that_is_copied():
    device(settings={"segment_s": 60}, settings_2={"segment_min": 5, "private": False})
    assert load(BOTH)[0] == {"segment_min": 5}


def test_going_back_finds_the_old_one_as_it_was_and_what_is_set_then_counts():
    device(settings={"segment_s": 120})
    SettingsFile(ROOT, (rename_key,)).save({"segment_min": 9})
    assert load(()) == ({"segment_s": 120}, [])
    assert names() == ["settings.json"]
    SettingsFile(ROOT, ()).save({"segment_s": 180})
    assert load((rename_key,))[0] == {"segment_min": 3}


def test_a_damaged_file_is_named_and_the_one_before_it_used():
    device(settings={"segment_s": 120}, settings_2="{nonsense")
    kept, lines = load((rename_key,))
    assert kept == {"segment_min": 2}
    assert lines[0] == ROOT + "/etc/settings-2.json is not a JSON object: it is left out"


def test_other_files_are_left_alone():
    device(settings_x={}, settings_02={}, settings_9={}, device={})
    load(())
    assert names() == ["device.json", "settings-02.json", "settings-x.json"]


def test_the_table_takes_what_is_valid_and_names_what_is_not():
    device(settings={"segment_s": 90, "heartbeat_s": 5, "colour": "red"})
    log = Log()
    found = Settings(log, ROOT)
    assert (found.segment_s, found.heartbeat_s) == (90, settings.TABLE["heartbeat_s"][0])
    assert sorted(log.lines) == [
        "no setting 'colour': the default is used",
        "setting heartbeat_s is 5, not whole seconds from 10 to 3600: the default is used",
    ]
    found.change("private", True)
    assert load(())[0] == {"segment_s": 90, "private": True}
