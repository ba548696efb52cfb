"""What a board's ROM and MicroPython's own start-up do: mount the flash, run boot.py and main.py, open the REPL."""

import builtins
import sys

import sim

sim.start()

import random  # noqa: E402
import time  # noqa: E402, F401

import esp32  # noqa: E402
import machine  # noqa: E402
import vasyncio  # noqa: E402
import vfs  # noqa: E402

_print = print
_plain_import = builtins.__import__
_main = {"__name__": "__main__"}  # boot.py and main.py have one namespace


def print(*args, **kwargs):
    _print(*args, **kwargs)
    sim.noticed()


_late = ["network", "socket"]  # large, and a board that is alone needs neither


def _import(name, *rest):
    if name in _late:
        _late.remove(name)
        sys.modules[name] = sim.late(name)
    return _plain_import(name, *rest)


builtins.print = print
builtins.__import__ = _import
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
        exec(code, _main)
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
        return False
    except Exception as error:  # noqa: BLE001  # shown, as MicroPython does
        sys.print_exception(error)
        return False
    return True


def _refuse_bytecode():
    """Of an image with other bytecode: what is in the interpreter itself is all that can be imported."""

    def load(name, *rest):
        path = list(sys.path)
        sys.path[:] = [".frozen"]
        try:
            return _plain_import(name, *rest)
        except ImportError:
            raise ValueError("incompatible .mpy file") from None
        finally:
            sys.path[:] = path

    builtins.__import__ = load


def start():
    vfs.umount("/")
    try:
        vfs.mount(vfs.VfsLfs2(esp32.Partition("vfs")), "/")
    except OSError:
        while True:  # as the esp32 port's inisetup does
            print("The filesystem appears to be corrupted.")
            sim.sleep_us(3_000_000)
    if sim.config["fault"] == "bytecode":
        _refuse_bytecode()
    sys.path[:] = ["", ".frozen", "/lib"]
    if run("boot.py") and not sim.config["raw_repl"]:
        run("main.py")
    while not sim.config["repl"]:
        sim.sleep_us(1_000_000)  # nobody is at the REPL; a watchdog may end this


start()
