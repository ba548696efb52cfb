"""`boot.py` where the loader is frozen: it runs from the image, whatever lies on the flash under its names."""

import os
import sys

sys.path[:] = [".frozen"]


def has_files():
    try:
        return os.stat("/etc/device.json")[6] > 0
    except OSError:
        return False


def without_files():
    """RECOVERY: both lights on, the load off, the REPL open. The watchdog's half hour ends it: then once more."""
    from board.parts import load
    from board.watchdog import Watchdog

    load("esp32s3").indicators.show(True, True)
    Watchdog().give_way()
    print("spl: RECOVERY: no file system; the REPL is open for mpremote")


if has_files():
    from bootloader.boot import guarded  # noqa: F401  # main.py's, too
else:
    without_files()
