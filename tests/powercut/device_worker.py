"""Cuts power at the points it is given, one after another, and tells what became of each: a line of JSON a point.

argv: a scenario's folder (scenario.json, see scenarios.py), a file with the points, and `images` if only what is on
the flash then is wanted. Runs on the virtual board's rom.
A point is [operation, share, ...]: which operation of the uncut run is done by which share, 0 to 1, or -1 for bit by
bit at random; two more for a second cut: an operation of the recovery from the first, and its share; or "tries" and
a seed, for cuts in each start that follows.
"""

import builtins
import io
import json
import sys

from tests.powercut import device_setup

# isort: split
from tests.powercut import device_flash
from tests.powercut.device_cloud import Cloud
from tests.powercut.device_life import Bricked, Life
from tests.powercut.device_scene import Scene
from tests.powercut.device_tries import exhaust
from tests.powercut.device_watch import Watch

_LINES = 12  # of the device's own words that go with a failure
_said: list = []
_print = print
_OUTCOMES = {
    "good": "SUCCEEDED confirmed",
    "bad": "FAILED reverted",
    "hangs": "FAILED reverted",
}


def _keep_line(*words):
    _said.append(" ".join(str(word) for word in words))


builtins.print = _keep_line  # type: ignore[assignment]


def tell(**what):
    _print("\x1e" + json.dumps(what))


class Worker:
    def __init__(self, folder):
        told = device_setup.scenario(folder)
        self._releases = told["releases"]
        self._update, self._next = told["jobs"]
        device_flash.power_up(folder + "/board/flash.img")
        device_flash.mount()
        trusted = [(keyring.encode(), roots) for keyring, roots in told["trust"]]
        self._scene = Scene(self._releases, trusted, told["image"])
        self._done = 0

    def record(self):
        """The uncut run: its operations, and what it promised."""
        self._watch, self._cloud = Watch(self._scene), Cloud([self._update])
        Life(self._cloud, self._releases, self._watch).live()
        self._log = list(device_flash.operations)
        sizes = [0 if data is None else len(data) for _, data in self._log]
        tell(operations=sizes, starts=self._watch.starts, digest=device_flash.digest())
        device_flash.restore()

    def image(self, point):
        """What is on the flash when power goes there."""
        self._at(*point)
        tell(point=point, image=device_flash.digest())

    def cut(self, point):
        """What becomes of a device whose power goes there."""
        _said.clear()
        told = {"point": point, "bricked": "", "ran": None}
        try:
            self._cut(point, told)
        except Bricked as error:
            told["bricked"] = str(error)
        except Exception as error:  # noqa: BLE001  # whatever the firmware raises at a start is a find
            text = io.StringIO()
            sys.print_exception(error, text)
            told["bricked"] = text.getvalue()
        if told["bricked"]:
            told["said"] = _said[-_LINES:]
        tell(**told)

    def _cut(self, point, told):
        operation, share = point[:2]
        self._at(operation, share)
        if point[2:3] == ["tries"]:
            exhaust(Cloud([self._update]), self._releases, self._scene, self._update, point[3])
            self._recover(self._cloud, Watch(self._scene), operation, told)
            return
        if len(point) == 2:
            self._recover(self._cloud, self._watch, operation, told)
            return
        told["point"] = point[:2]  # if it is bricked already
        cloud, watch = self._come_back(self._cloud, self._watch, operation, told)
        log = device_flash.operations[:]
        second, share2 = _operation_of(point[2], cloud.ended[0][2] or len(log)), point[3]
        told["point"] = [operation, share, second, share2]
        self._at(operation, share)
        device_flash.replay(log[:second])
        if second < len(log) and share2:
            device_flash.tear(log[second], share2, second)
        self._recover(cloud, watch, second, told)

    def _recover(self, cloud, watch, operation, told):
        """A device whose power went there comes back, and is updated again: then all is as it should be."""
        cloud, watch = self._come_back(cloud, watch, operation, told, self._next)
        ended = len(device_flash.operations)
        watch.at_rest = True
        Life(cloud, self._releases, watch).start()
        if len(device_flash.operations) != ended:
            raise Bricked("a start with nothing to do wrote to the flash")

    def _come_back(self, cloud, watch, operation, told, following=None):
        """Start a device whose power went at that operation of a run with this cloud and watch; its own two.

        The update that was under way comes to its end, then the `following` one is made.
        """
        device_flash.operations.clear()
        wanted = [release for release, _, by in cloud.ended if by > operation]
        if following and following not in wanted:
            wanted.append(following)
        cloud = Cloud(wanted or [self._next])
        watch = Watch(self._scene, watch.allowed_at(operation))
        life = Life(cloud, self._releases, watch)
        try:
            life.live()
        finally:
            told["ran"] = life.first and self._age(life.first)
        for release, outcome, _ in cloud.ended:
            if outcome != _OUTCOMES[release.behaviour]:
                raise Bricked(f"the cloud was told {outcome} of {release.version}")
        return cloud, watch

    def _age(self, running):
        kind = self._update.kind
        return "old" if running[kind] == self._scene.old[kind] else "new"

    def _at(self, operation, share):
        """The flash as it is when power goes in that operation of the uncut run. Operations come in order."""
        device_flash.advance(self._log[self._done : operation])
        self._done = operation
        if share:
            device_flash.tear(self._log[operation], share, operation)


def _operation_of(number, span):
    """A number, or a share of all there are."""
    return int(number * span) if type(number) is float else number


def main(folder, points, what="cuts"):
    with open(points) as file:
        wanted = json.load(file)
    worker = Worker(folder)
    worker.record()
    for point in wanted:
        (worker.image if what == "images" else worker.cut)(point)


if __name__ == "__main__":
    main(*sys.argv[1:])
