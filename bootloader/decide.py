"""What the SPL decides, as a table: the first row whose condition holds. No hardware, no clock."""

from micropython import const

OFF, IDLE, RECORD, DISCHARGE = "OFF", "IDLE", "RECORD", "DISCHARGE"

HOLD_MS = {"PWR_SW1": 1500, "PWR_SW2": 1000}
_BATT_MIN_MV = const(3400)
_MAINTENANCE_MIN_MV = const(3600)
_TEMP_MAX_DECIC = const(550)


class Inputs:
    """What is known at a moment of the power-up.

    cause, wake      as `board.power` gives them
    fault            "" or what could not be measured; vbat_mv and temp_decic mean nothing then
    held_ms, down    how long the key that woke the board has been held, and whether it still is
    external         a charger or a USB host is there
    kept_state       the state before a reset that the software asked for or suffered, "" if none is known
    """

    def __init__(self, cause, wake, external=False, kept_state=""):
        self.cause = cause
        self.wake = wake
        self.external = external
        self.kept_state = kept_state
        self.fault = ""
        self.vbat_mv = 0
        self.temp_decic = 0
        self.held_ms = 0
        self.down = False


def _released_early(i, key):
    return i.wake == key and not i.down and i.held_ms < HOLD_MS[key]


def _held(i, key):
    return i.wake == key and i.held_ms >= HOLD_MS[key]


def _restarted(i, state):
    """A reset that nobody's key asked for: the state before it goes on; a recording does not start by itself."""
    kept = {"IDLE": IDLE, "RECORD": IDLE, "DISCHARGE": IDLE}.get(i.kept_state, OFF)
    return i.wake == "" and i.cause in ("reset", "watchdog") and kept == state


# (row, when, then, why, origin): "seed" is an arrow of docs/state-machine.mmd, "ours" an addition to it
ROWS = (
    (1, lambda i: i.fault, OFF, "gauge or temperature unreadable", "ours"),
    (
        2,
        lambda i: i.wake == "PWR_SW4" and i.temp_decic >= _TEMP_MAX_DECIC and i.vbat_mv > _MAINTENANCE_MIN_MV,
        DISCHARGE,
        "maintenance",
        "seed",
    ),
    (
        3,
        lambda i: i.vbat_mv <= _BATT_MIN_MV or i.temp_decic >= _TEMP_MAX_DECIC,
        OFF,
        "safety shutdown",
        "seed",
    ),
    (4, lambda i: i.wake == "PWR_SW4", OFF, "event over", "ours"),
    (5, lambda i: _released_early(i, "PWR_SW1"), OFF, "PWR_SW1 released early", "seed"),
    (6, lambda i: _released_early(i, "PWR_SW2"), OFF, "PWR_SW2 released early", "seed"),
    (7, lambda i: _held(i, "PWR_SW1"), IDLE, "PWR_SW1 held", "seed"),
    (8, lambda i: _held(i, "PWR_SW2"), RECORD, "PWR_SW2 held", "seed"),
    (9, lambda i: _restarted(i, IDLE), IDLE, "restarted", "ours"),
    (9, lambda i: _restarted(i, OFF), OFF, "restarted while off", "ours"),
    (9, lambda i: i.cause == "soft reset", IDLE, "soft reset", "ours"),
    (9, lambda i: i.cause == "power-on" and i.external, IDLE, "power-on with a charger or host", "ours"),
    (9, lambda i: i.cause == "power-on", OFF, "power-on", "ours"),
    (9, lambda i: i.wake == "timer", OFF, "look at the event line again", "ours"),
)


def decide(inputs):
    """(row, state, why) of the first row that holds; None while a key is held and its time is not up."""
    for row, holds, state, why, _ in ROWS:
        if holds(inputs):
            return row, state, why
    return None
