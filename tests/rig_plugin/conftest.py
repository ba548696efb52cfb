"""pytest within pytest, on a rig whose device does next to nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

DEVICE = b"""
import time
from machine import Pin
print("spl: row 9 -> OFF - power-on - 3900 mV 250 dC")
key = Pin(1, Pin.IN, Pin.PULL_UP)
led = Pin(10, Pin.OUT, value=0)
key.irq(lambda pin: led.value(not key.value()), Pin.IRQ_FALLING | Pin.IRQ_RISING)
while True:
    time.sleep_ms(10)
"""


@pytest.fixture
def on_rig(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """on_rig(tests, *options): a run of these tests, its report in report.html, its JUnit file in junit.xml."""
    image = pytester.mkdir("image")
    (image / "boot.py").write_bytes(b"")
    (image / "main.py").write_bytes(DEVICE)

    def run(tests: str, *options: object, firmware: Path | None = image) -> pytest.RunResult:
        pytester.makepyfile(test_it=tests)
        flash = ["--firmware", firmware] if firmware else []
        plugins = ["-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "hil.plugin"]
        written = ["--rig-report", "report.html", "--junitxml", "junit.xml"]
        return pytester.runpytest_inprocess(*plugins, *map(str, flash), *written, *map(str, options))

    return run
