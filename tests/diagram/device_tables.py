"""Inside MicroPython: print the tables of SPL and app as JSON. stdin: probes for the SPL, a JSON list of inputs."""

import json
import sys

sys.path.pop(0)  # the folder of this file

from app import discharge, heat, states
from bootloader import decide


def decided(known):
    inputs = decide.Inputs("wake", known.pop("wake"))
    for name, value in known.items():
        setattr(inputs, name, value)
    found = decide.decide(inputs)
    return found and [found[0], found[1]]


tables = {
    "transitions": states.TRANSITIONS,
    "dwells": heat.DWELLS,
    "shutdown_mv": discharge.SHUTDOWN_MV,
    "rows": [[row, state, origin] for row, _, state, _, origin in decide.ROWS],
    "decided": [decided(probe) for probe in json.load(sys.stdin)],
}
print(json.dumps(tables))
