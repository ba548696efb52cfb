"""What must hold at every start, and what the firmware has promised up to any moment of a run.

A promise is kept as (number of the flash operation, what it is about, the values allowed from there on): while
something is being changed both the old and the new value are, and once the firmware says that it is done, only
the new one is. So each cut is held against what had been promised when it came.
"""

from tests.powercut import device_flash
from tests.powercut.device_life import Bricked
from tests.powercut.device_scene import LEARNT

_END = 1 << 30


class Watch:
    """Of one run. `scene` has what does not change; `allowed` is what may be found at its first start."""

    def __init__(self, scene, allowed=None):
        self._scene = scene
        self._promises: list = []
        self._allowed = dict(allowed) if allowed else None  # None: as it is found
        self.starts: list = []  # operations done when each began
        self.at_rest = False
        self.chosen_at = None  # operations done when the last start had chosen a slot

    def allowed_at(self, operation):
        """What may be found if power goes in that operation: values of what Scene.look gives."""
        allowed = {}
        for number, what, values in self._promises:
            if number <= operation:
                allowed[what] = values
        return allowed

    # -- what the firmware says

    def starting(self):
        self.starts.append(len(device_flash.operations))

    def choosing(self, record):
        """The boot record as a start finds it. A trial without a try left is over."""
        if self._promises and record["state"] == "trial" and not record["tries_left"]:
            self._promise("app", *self.allowed_at(_END)["app"], self._scene.old["app"])

    def chosen(self, slot, running):
        """A start has chosen. At the first one, and once all is done, each file of the flash is looked at."""
        if not self._promises or self.at_rest:
            self._scene.look_at_files(slot, running, self.at_rest)
        self.chosen_at = len(device_flash.operations)
        found = self._scene.look(running)
        self._hold(found)
        self._floors, self._set, self._trust = found["floors"], found["settings"], found["trust"]
        self._opening = None

    def _hold(self, found):
        """What is found is what was promised; from here on it is this alone."""
        allowed = self.allowed_at(_END) or self._allowed or {}
        for what, value in found.items():
            if what in allowed and value not in allowed[what]:
                raise Bricked(f"{what} is {value}, not {allowed[what]}")
            self._promise(what, value)

    def progress(self, step, running, release):
        if step == "downloading":  # said once before the release is opened, and after each chunk
            known = self._opening == release.version and not self._trust
            values = (LEARNT,) if known else range(self._trust, LEARNT + 1)
            self._opening = release.version
            if values != self.allowed_at(_END)["trust"]:
                self._promise("trust", *values)
        elif step == "verifying":
            self._promise(release.kind, running, release.version)
        elif step == "installed":
            self._promise(release.kind, release.version)

    def judging(self, release):
        if release.behaviour == "good":
            self._promise("floors", self._floors, self._risen(release))
        else:
            self._promise(release.kind, release.version, self._scene.old[release.kind])

    def judged(self, release, confirmed):
        if confirmed:
            self._floors = self._risen(release)
            self._promise("floors", self._floors)
        else:
            self._promise(release.kind, self._scene.old[release.kind])

    def setting(self, number):
        self._promise("settings", self._set, number + 1)

    def was_set(self, number):
        self._set = number + 1
        self._promise("settings", self._set)

    def _risen(self, release):
        app, runtime = self._floors
        if release.kind == "app":
            return max(app, release.security_version), runtime
        return app, max(runtime, release.security_version)

    def _promise(self, what, *values):
        self._promises.append((len(device_flash.operations), what, values))
