"""A device before the update, as it is to be found again but for what was to change: each file is looked at."""

import hashlib
import json
import os

import ota  # type: ignore[import-not-found]
import otadata  # type: ignore[import-not-found]
from micropython import const

from board import runtime
from bootloader import bootctl
from tests.powercut.device_life import CHANGES, Bricked

LEARNT = 2  # the newer keyring is known, and its roots
_FOLDER = const(0x4000)
# what the firmware writes while it runs; that it can be read again is seen by its going on
_WRITTEN = ("/boot.json", "/etc/settings.json", "/etc/keyring.json", "/etc/roots.json")
_CHANGING = ("/a/", "/b/", "/data/", "/etc/combs/")
_SETTINGS = "/etc/settings.json"
_buffer = bytearray(4096)


class Scene:
    """Made of the flash that is mounted now. `releases`: {(kind, version): device_cloud.Release}; `trust`: [the files
    of etc/ that say whom to trust, before, while and after a newer keyring is learnt]; `image` of the runtime."""

    def __init__(self, releases, trust, image):
        self._releases, self._trust = releases, trust
        self.old = {"app": _json("/a/manifest.json")["version"], "runtime": runtime.version()}
        self._images = {self.old["runtime"]: memoryview(image)}
        self._settings = _json(_SETTINGS)
        self._fixed = {path: _digest(path) for path in _fixed_files()}

    def look(self, running):
        """{"app", "runtime", "floors", "settings", "trust"} of a device that runs these versions."""
        record = bootctl.load()
        return {
            "app": running["app"],
            "runtime": running["runtime"],
            "floors": (record["security_floor"], record["runtime_floor"]),
            "settings": self._setting(),
            "trust": self._trusted(),
        }

    def look_at_files(self, slot, running, at_rest):
        """Bricked if anything that runs, or that no update changes, is not what it should be."""
        self._look_at_slot(slot, self._releases["app", running["app"]])
        self._look_at_image(running["runtime"])
        self._look_at_rest()
        if at_rest:
            self._look_at_records()

    def _look_at_image(self, version):
        image = self._images.get(version) or self._releases["runtime", version].files["runtime.bin"]
        here = runtime.Runtime()
        for block in range(len(image) // runtime.BLOCK):
            here.read_running(block, _buffer)
            if _buffer != image[block * runtime.BLOCK : (block + 1) * runtime.BLOCK]:
                raise Bricked(f"block {block} of {here.label} is not that of {version}")

    def _look_at_records(self):
        """The boot record has no trial, and otadata says of what runs that it is good."""
        if bootctl.on_trial(bootctl.load()):
            raise Bricked("a trial is not over")
        data = otadata.OtaData(ota.Flash())
        if ota.chosen() != runtime.Runtime().label or data.entries[data.active()][1] != otadata.VALID:
            raise Bricked(f"otadata says {data.entries}")

    def _look_at_slot(self, slot, release):
        folder = "/" + slot
        expected = dict(release.files)
        expected["manifest.json"] = memoryview(release.manifest)
        found = {path[len(folder) + 1 :] for path in _walk(folder)}
        found.remove("seal")
        if found != set(expected):
            raise Bricked(f"slot {slot} has {sorted(found ^ set(expected))} too many or too few")
        for path, content in expected.items():
            if not _holds(folder + "/" + path, content):
                raise Bricked(f"{folder}/{path} is not that of {release.version}")

    def _look_at_rest(self):
        found = {path: _digest(path) for path in _fixed_files()}
        if found != self._fixed:
            wrong = [
                path for path in set(found) | set(self._fixed) if found.get(path) != self._fixed.get(path)
            ]
            raise Bricked(f"lost, changed or new: {sorted(wrong)}")

    def _setting(self):
        """How many of the changes were made."""
        expected, found = dict(self._settings), _json(_SETTINGS)
        for number in range(len(CHANGES) + 1):
            if found == expected:
                return number
            expected.update([CHANGES[number]] if number < len(CHANGES) else [])
        raise Bricked(f"the settings are {found}")

    def _trusted(self):
        """0 before a newer keyring was learnt, 1 with the keyring alone, LEARNT with the roots that it brings."""
        keyring, roots = _read("/etc/keyring.json"), _json("/etc/roots.json")
        for number, (expected_keyring, expected_roots) in enumerate(self._trust):
            if (keyring, roots) == (expected_keyring, expected_roots):
                return number
        raise Bricked("keyring.json and roots.json are neither the old ones nor the new ones")


def _fixed_files():
    """All that no update changes: the SPL and its packages, the identity, the keys."""
    for path in _walk(""):
        changes = path.startswith(_CHANGING) or path in _WRITTEN or path.endswith(".new")
        if not changes:
            yield path


def _walk(folder):
    for entry in list(os.ilistdir(folder or "/")):
        path = folder + "/" + entry[0]
        if entry[1] == _FOLDER:
            yield from _walk(path)
        else:
            yield path


def _holds(path, content):
    view, at = memoryview(_buffer), 0
    with open(path, "rb") as file:
        while count := file.readinto(_buffer):
            if view[:count] != content[at : at + count]:
                return False
            at += count
    return at == len(content)


def _digest(path):
    hash, view = hashlib.sha256(), memoryview(_buffer)
    with open(path, "rb") as file:
        while count := file.readinto(_buffer):
            hash.update(view[:count])
    return hash.digest()


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _json(path):
    return json.loads(_read(path))
