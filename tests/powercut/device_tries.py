"""Power that goes again and again while a new version is on trial: after three of its starts the old one is back."""

import random

from micropython import const

from tests.powercut import device_flash
from tests.powercut.device_life import Bricked, Life
from tests.powercut.device_watch import Watch

_MOST_CUTS = const(60)
_TRIES = const(3)
_SHARES = (0, 0.5, -1)


def exhaust(cloud, releases, scene, new, seed):
    """Cut power at random in each start of `new`, which is on trial on the flash that `restore` gives.

    Leaves the flash as the first start finds it that is not one of `new`.
    """
    ran = 0
    done: list = []  # operations since `restore`, each with the share that was done
    random.seed(seed)
    draws = [
        (random.random(), random.choice(_SHARES)) for _ in range(_MOST_CUTS)
    ]  # torn bits take seeds of their own
    for place, share in draws:
        watch = Watch(scene)
        life = Life(cloud, releases, watch)
        device_flash.operations.clear()
        life.start()
        log = device_flash.operations[:]
        _rebuild(done)
        if life.first["app"] != new.version:
            return
        cut = int(place * len(log))
        done += [(operation, 1) for operation in log[:cut]] + [(log[cut], share)]
        _rebuild(done)
        ran += cut >= watch.chosen_at
        if ran > _TRIES:
            raise Bricked(f"{new.version} ran {ran} times on trial")
    raise Bricked(f"{new.version} is still on trial after {_MOST_CUTS} cuts")


def _rebuild(done):
    device_flash.restore()
    for number, (operation, share) in enumerate(done):
        if share == 1:
            device_flash.replay([operation])
        elif share:
            device_flash.tear(operation, share, number)
