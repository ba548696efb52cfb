"""Run by driver.py inside MicroPython. argv: folder of examples, parser, seed, first number, count.

Or: folder, parser, an input in hex, to run that alone. A line each some inputs, so that a hang is seen:

    at NUMBER                       before it is tried, every so often; with count 1, too
    wrong NUMBER HEX WORDS          it raised what it must not
    end HIGHEST_US KEPT             the longest time of one input; bytes that the heap holds more than before
"""

import gc
import io
import os
import sys
from time import ticks_diff, ticks_us

sys.path.pop(0)  # the folder of this file
from tests.fuzz import mutate
from tests.fuzz.device_targets import TARGETS
from tests.fuzz.planted import PLANTED

TARGETS.update(PLANTED)

_EVERY = 100
_WARM = 300  # inputs before the heap's level is taken


def examples(folder):
    found = []
    for name in sorted(os.listdir(folder)):
        with open(folder + "/" + name, "rb") as file:
            found.append(file.read())
    return found


def attempt(parser, data):
    """ "" or the traceback of what it raised and must not."""
    function, _, errors = TARGETS[parser]
    try:
        function(data)
    except errors:
        return ""
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    return ""


def fuzz(folder, parser, seed, first, count):
    shape, found = TARGETS[parser][1], examples(folder)
    level = highest_us = 0
    for number in range(first, first + count):
        if not number % _EVERY or count == 1:
            print("at", number)
        if number == first + min(_WARM, count - 1):
            gc.collect()
            level = gc.mem_alloc()
        data = mutate.make(shape, found, seed, number)
        started = ticks_us()
        words = attempt(parser, data)
        highest_us = max(highest_us, ticks_diff(ticks_us(), started))
        if words:
            print("wrong", number, data.hex() or "-", repr(words))
            return
    data = words = None
    gc.collect()
    print("end", highest_us, gc.mem_alloc() - level)


def main(folder, parser, *rest):
    if len(rest) == 1:
        print("at 0")
        words = attempt(parser, bytes.fromhex(rest[0]) if rest[0] != "-" else b"")
        print("wrong", 0, rest[0], repr(words)) if words else print("end 0 0")
    else:
        fuzz(folder, parser, *(int(number) for number in rest))


main(*sys.argv[1:])
