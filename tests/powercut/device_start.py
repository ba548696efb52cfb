"""One start of a device, on the flash in its board's folder, until its reset or until the process is ended.

argv: the scenario's folder. Power goes where the boot message says.
"""

import sys

from tests.powercut import device_setup

# isort: split
from tests.powercut import device_flash
from tests.powercut.device_cloud import Cloud
from tests.powercut.device_life import Life


class _Nobody:
    """Watches nothing."""

    def __getattr__(self, name):
        return lambda *what: None


def main(folder):
    told = device_setup.scenario(folder)
    device_flash.power_up()
    cloud = Cloud(told["jobs"][:1])
    Life(cloud, told["releases"], _Nobody()).start()
    device_setup.sim.end("reset")


main(sys.argv[1])
