"""The virtual board's power-up, to be imported before anything of the firmware; and what a scenario consists of."""

import json

import sim  # type: ignore[import-not-found]

sim.start()

import vasyncio  # type: ignore[import-not-found]  # noqa: E402

vasyncio.install()


def scenario(folder):
    """What tests/powercut/scenarios.py wrote, with "releases": {(kind, version): Release}, and "jobs" two of them."""
    from tests.powercut.device_cloud import Release

    with open(folder + "/scenario.json") as file:
        told = json.load(file)
    releases = {}
    for path, behaviour in told["releases"]:
        with open(path, "rb") as file:
            release = Release(whole(file), behaviour)
        releases[release.kind, release.version] = release
    told["releases"] = releases
    told["jobs"] = [releases[kind, version] for kind, version in told["jobs"]]
    with open(told["image"], "rb") as file:
        told["image"] = whole(file)
    return told


def whole(file):
    """All of a large file: read() without a size grows its buffer by 256 bytes, and looks at all of it each time."""
    size = file.seek(0, 2)
    file.seek(0)
    return file.read(size)
