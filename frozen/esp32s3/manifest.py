"""Freezes the loader into a product's own MicroPython: FROZEN_MANIFEST of a build of ports/esp32 (docs/runtime.md).

In place of the port's boards/manifest.py: the same modules, but for `_boot`, which is ours.
"""
# ruff: noqa: F821  # the functions are MicroPython's

_PORT = "$(PORT_DIR)/modules"
_ROOT = "../.."  # of this project

for _name in ("apa106.py", "espnow.py", "flashbdev.py", "inisetup.py"):
    module(_name, base_path=_PORT)
include("$(MPY_DIR)/extmod/asyncio")
require("bundle-networking")
require("aioespnow")

for _name in ("_boot.py", "boot.py", "main.py"):
    module(_name, base_path=".")
package("bootloader", base_path=_ROOT)
package("wire", base_path=_ROOT)
package(
    "board",
    files=(
        "__init__.py", "bq27427.py", "bus.py", "debounce.py", "errors.py", "faults.py", "gauge.py", "indicators.py",
        "key.py", "load.py", "max17048.py", "memory.py", "parts.py", "plausible.py", "power.py", "runtime.py",
        "thermistor.py", "watchdog.py", "esp32s3/__init__.py", "esp32s3/pins.py",
    ),
    base_path=_ROOT,
)  # fmt: skip
