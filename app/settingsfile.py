"""The settings as they are kept: a file for each version of their schema, so that the way back stays open.

    /etc/settings.json      version 1
    /etc/settings-N.json    version N

Going forward, a copy of the newest older file is changed step by step. Going back, the older release finds its own
file as it left it, and removes the newer one: what was set last counts, should the newer release come again.
"""

import os

from app import config

# STEPS[n] makes settings of version n + 1 those of version n + 2, in the dict that it is given
STEPS: tuple = ()


class SettingsFile:
    def __init__(self, root="", steps=STEPS):
        self._folder = root + "/etc/"
        self._steps = steps
        self._version = len(steps) + 1

    def load(self, log):
        """The settings of this version, {} if there are none; what can't be read is named in the log."""
        self._remove_newer()
        kept = self._read(self._version, log)
        if kept is None:
            kept = self._migrated(log)
        return kept

    def save(self, settings):
        config.write_json(self._folder + _name(self._version), settings)

    def _migrated(self, log):
        for version in range(self._version - 1, 0, -1):
            settings = self._read(version, log)
            if settings is not None:
                for step in self._steps[version - 1 :]:
                    step(settings)
                self.save(settings)
                log.info(f"settings of version {version} are now of version {self._version}")
                return settings
        return {}

    def _read(self, version, log):
        """The dict of a file; None if there is no such file, or no dict in it."""
        path = self._folder + _name(version)
        if not config.exists(path):
            return None
        settings = config.read_json(path, None)
        if type(settings) is dict:
            return settings
        log.warning(path + " is not a JSON object: it is left out")
        return None

    def _remove_newer(self):
        for name in os.listdir(self._folder):
            version = _version(name)
            if version and version > self._version:
                os.remove(self._folder + name)


def _name(version):
    return "settings.json" if version == 1 else f"settings-{version}.json"


def _version(name):
    """Of a file's name; None if it is none of settings."""
    if name == "settings.json":
        return 1
    digits = name[9:-5]
    return int(digits) if digits.isdigit() and name == _name(int(digits)) else None
