"""The settings of a device: one table; where they differ from their defaults they are kept (app/settingsfile)."""

from app.settingsfile import SettingsFile

# name: (default, check, what a valid value is)
TABLE = {
    "wifi_on": (True, lambda v: type(v) is bool, "true or false"),
    "wifi_ssid": ("", lambda v: type(v) is str and len(v) <= 32, "text of 32 characters at most"),
    "wifi_key": ("", lambda v: type(v) is str and len(v) <= 64, "text of 64 characters at most"),
    "private": (False, lambda v: type(v) is bool, "true or false"),
    "pre_event_s": (10, lambda v: type(v) is int and 0 <= v <= 30, "whole seconds from 0 to 30"),
    "pre_event_on_battery": (False, lambda v: type(v) is bool, "true or false"),
    "loop_recording": (False, lambda v: type(v) is bool, "true or false"),
    "segment_s": (60, lambda v: type(v) is int and 10 <= v <= 600, "whole seconds from 10 to 600"),
    "record_max_decic": (
        600,
        lambda v: type(v) is int and 450 <= v <= 600,
        "tenths of a degree from 450 to 600",
    ),
    "long_target_mv": (4000, lambda v: type(v) is int and 3700 <= v <= 4000, "mV from 3700 to 4000"),
    "short_target_mv": (3800, lambda v: type(v) is int and 3700 <= v <= 3800, "mV from 3700 to 3800"),
    "update_min_mv": (3700, lambda v: type(v) is int and 3600 <= v <= 4100, "mV from 3600 to 4100"),
    "heartbeat_s": (60, lambda v: type(v) is int and 10 <= v <= 3600, "whole seconds from 10 to 3600"),
}


class Settings:
    """Read as attributes; `change` checks and keeps. A bad value in the file names itself, and the default is used."""

    wifi_on: bool
    wifi_ssid: str
    wifi_key: str
    private: bool
    pre_event_s: int
    pre_event_on_battery: bool
    loop_recording: bool
    segment_s: int
    record_max_decic: int
    long_target_mv: int
    short_target_mv: int
    update_min_mv: int
    heartbeat_s: int

    def __init__(self, log, root=""):
        self._file = SettingsFile(root)
        self._changed = {}
        for name, (default, _, _) in TABLE.items():
            setattr(self, name, default)
        for name, value in self._file.load(log).items():
            try:
                self._take(name, value)
            except ValueError as error:
                log.warning(str(error) + ": the default is used")

    def check(self, name, value):
        """ValueError, saying what a valid value is, unless `value` is one of setting `name`."""
        if type(name) is not str or name not in TABLE:
            raise ValueError(f"no setting {name!r}")
        _, check, words = TABLE[name]
        if not check(value):
            raise ValueError(f"setting {name} is {value!r}, not {words}")

    def _take(self, name, value):
        self.check(name, value)
        self._changed[name] = value
        setattr(self, name, value)

    def change(self, name, value):
        """Set and keep; ValueError says what a valid value is."""
        self._take(name, value)
        self._file.save(self._changed)
