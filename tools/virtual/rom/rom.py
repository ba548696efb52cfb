"""What a board's ROM and MicroPython's own start-up do: mount the flash, run boot.py and main.py, open the REPL."""

import builtins
import sys

import sim

sim.start()

import random  # noqa: E402
import socket  # noqa: E402, F401
import time  # noqa: E402, F401

import esp32  # noqa: E402
import machine  # noqa: E402
import network  # noqa: E402, F401
import vasyncio  # noqa: E402
import vfs  # noqa: E402

_print = print


def print(*args, **kwargs):
    _print(*args, **kwargs)
    sim.noticed()


builtins.print = print
machine._power_up()
random.seed(sim.config["seed"])
vasyncio.install()


def run(path):
    """Run a script of the board's as MicroPython does: its error is shown and ends only the script."""
    try:
        with open(path) as script:
            code = compile(script.read(), path, "exec")
    except OSError:
        return True
    try:
        exec(code, {"__name__": "__main__"})
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
        return False
    except Exception as error:  # noqa: BLE001  # shown, as MicroPython does
        sys.print_exception(error)
        return False
    return True


def start():
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(esp32.Partition("vfs")), "/")
    sys.path[:] = ["", ".frozen", "/lib"]
    if run("boot.py") and not sim.config["raw_repl"]:
        run("main.py")
    while not sim.config["repl"]:
        sim.sleep_us(1_000_000)  # nobody is at the REPL; a watchdog may end this


start()
