"""Each back-end with a device on it that does the same: LED_STATE follows PWR_SW1, and the log says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hil.backends import open_rig
from hil.gpiod import GpiodRig
from hil.rig import Rig
from hil.sim import SimulatedPico
from tests.rig.fake_gpiod import FakeChip

SAID = "the LED is on"

_DEVICE = b"""
import time
from machine import Pin
key = Pin(1, Pin.IN, Pin.PULL_UP)
led = Pin(10, Pin.OUT, value=0)

def follow(pin):
    led.value(not key.value())
    if led.value():
        print("the LED is on")

key.irq(follow, Pin.IRQ_FALLING | Pin.IRQ_RISING)
while True:
    time.sleep_ms(10)
"""


@dataclass
class Bench:
    """`length_us`: what the last press really took, where something independent of the rig's capture knows it.
    `delay_us`: from key to LED, least and most. `lose`: make the rig lose edges while it captures."""

    rig: Rig
    length_us: Callable[[float], float]
    delay_us: tuple[float, float]
    lose: Callable[[], None] | None


@contextmanager
def virtual(folder: Path) -> Iterator[Bench]:
    rig = open_rig({"backend": "virtual", "folder": folder / "board", "files": {"/main.py": _DEVICE}})
    rig.restore_power()
    rig.wait(500)
    yield Bench(rig, lambda ms: ms * 1000, (0, 100), None)
    rig.close()


def _pico_wires() -> dict:
    return {
        "wires": [["LOOP_OUT", "LOOP_IN", 0, 0], ["PWR_SW1", "LED_STATE", 5000, 1]],
        "says": [["LED_STATE", 1, SAID]],
        "bursts": [["PWR_SW2", 0, "LED_REC", 6_000, 5]],
    }


@contextmanager
def pico(folder: Path) -> Iterator[Bench]:
    with SimulatedPico(_pico_wires()) as simulated:
        rig = open_rig({"backend": "pico", "port": simulated.port, "limits": {"uncertainty_us": 100_000}})

        def lose() -> None:
            rig.press("PWR_SW2", 10)  # 6,000 edges in 30 ms: the ring holds 1024
            rig.wait(400)

        yield Bench(rig, lambda ms: ms * 1000, (5000, 5000), lose)
        rig.close()


@contextmanager
def gpiod(folder: Path) -> Iterator[Bench]:
    chip = FakeChip({17: [(23, 0, False), (22, 5000, True)], 7: [(24, 0, False)]}, buffer_size=32)
    rig = GpiodRig(
        "/dev/fake", keys={"PWR_SW1": 17, "PWR_SW2": 18}, loop=7, power=5,
        sense={"PWR_SW1": 23, "LED_STATE": 22, "LOOP_IN": 24}, gpiod=chip,
    )  # fmt: skip

    def length_us(ms: float) -> float:
        (down_ns, _, _), (up_ns, _, _) = [driven for driven in chip.driven if driven[1] == 17][-2:]
        return (up_ns - down_ns) / 1000

    def lose() -> None:
        for i in range(100):  # more at once than the kernel's buffer holds
            chip.set(7, i + 1 & 1)

    yield Bench(rig, length_us, (5000, 5000), lose)
    rig.close()


BENCHES = {"virtual": virtual, "pico": pico, "gpiod": gpiod}
