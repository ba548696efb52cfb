"""The power-up stage: is this start meant, and is it safe? Runs before anything of the app is imported.

The checks run while the key is held, so they add no delay; the hold is counted from the press that woke the board.
"""

import json
import time
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from micropython import const

from board.errors import SensorError
from board.parts import load
from bootloader import decide

_LONGEST_MS = const(2500)  # a contact that chatters on beyond every threshold is no press

decision: dict = {}
board = None  # until the app has its own


def run():
    """Decide; comes back only if the board is to start, with `decision` saying how."""
    global board, decision
    started_ms = ticks_ms()
    with open("/etc/device.json") as file:
        board = load(json.load(file)["board"])
    memory = board.memory.load()
    inputs = decide.Inputs(
        board.power.cause(), board.power.wake(), board.power.external(), memory.get("state", "")
    )
    key = board.keys.get(inputs.wake)
    if key:
        before_ms = board.power.wake_to_code_ms if board.power.wake_is_certain() else 0
        key.pressed_since(ticks_add(started_ms, -before_ms))
        inputs.down = True
    if inputs.cause == "power-on":
        sleep_ms(board.gauge.POWER_UP_MS)  # the cell was put in just now, and no key is being held
    measure(board, inputs)
    row, state, why = watch(key, inputs, started_ms)
    decision = {
        "row": row, "state": state, "why": why, "cause": inputs.cause, "wake": inputs.wake, "held_ms": inputs.held_ms,
        "fault": inputs.fault, "vbat_mv": inputs.vbat_mv, "temp_decic": inputs.temp_decic, "time": time.time(),
        "pressed_ms": key.down_since if key else None,
    }  # fmt: skip
    memory.update(state=state, decision=decision)
    board.memory.save(memory)
    measured = f"{inputs.vbat_mv} mV {inputs.temp_decic} dC {inputs.fault}"
    print(f"spl: row {row} -> {state} - {why} - {measured}")
    if state == decide.OFF:
        board.power.off()


def measure(board, inputs):
    """Cell and temperature, or the fault that keeps them unknown; the gauge is tried three times, 60 ms in all."""
    try:
        inputs.vbat_mv, _ = board.gauge.retry()
        inputs.temp_decic = board.thermistor.read_decic()
    except SensorError as error:
        inputs.fault = str(error)


def watch(key, inputs, started_ms):
    """Follow the key until a row of the table holds, and return it."""
    while True:
        if key:
            follow(key, inputs)
        row = decide.decide(inputs)
        if row:
            return row
        if ticks_diff(ticks_ms(), started_ms) > _LONGEST_MS:
            return 5, decide.OFF, "the key's contact does not settle"
        sleep_ms(1)


def follow(key, inputs):
    """Bring the hold up to date. A release that has not settled yet may still be bounce."""
    change = key.poll()
    if change and change[0] == "up":
        inputs.down, inputs.held_ms = False, change[2]
    elif key.down_since is not None and key.settled:
        inputs.down, inputs.held_ms = True, ticks_diff(ticks_ms(), key.down_since)
