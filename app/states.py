"""The states of the app and every way between them, as a table beside docs/state-machine.mmd."""

OFF, IDLE, RECORD, DISCHARGE, RESET = "OFF", "IDLE", "RECORD", "DISCHARGE", "RESET"

# A trigger is (key, hold in ms), ("dwell", name of a rule in app/heat) or (what happened,).
# (from, trigger, to, effect, origin): origin "seed" is an arrow of the diagram, "ours" an addition to it
TRANSITIONS: tuple = (
    (IDLE, ("PWR_SW1", 1000), IDLE, "toggle_private", "seed"),
    (IDLE, ("PWR_SW1", 3000), IDLE, "toggle_wifi", "seed"),
    (IDLE, ("PWR_SW1", 5000), OFF, "", "seed"),
    (IDLE, ("PWR_SW1", 15000), RESET, "", "seed"),
    (IDLE, ("PWR_SW2", 1000), RECORD, "record_normal", "seed"),
    (IDLE, ("PWR_SW2", 3000), RECORD, "record_audio", "seed"),
    (RECORD, ("PWR_SW1", 3000), RECORD, "toggle_mute", "seed"),
    (RECORD, ("PWR_SW2", 1000), RECORD, "bookmark", "seed"),
    (RECORD, ("PWR_SW2", 3000), IDLE, "", "seed"),
    (IDLE, ("dwell", "long"), DISCHARGE, "discharge_long", "seed"),
    (IDLE, ("dwell", "short"), DISCHARGE, "discharge_short", "seed"),
    (DISCHARGE, ("target reached",), IDLE, "", "seed"),
    (DISCHARGE, ("target shutdown",), OFF, "", "seed"),
    (RECORD, ("PWR_SW1", 15000), RESET, "", "ours"),
    (DISCHARGE, ("PWR_SW1", 15000), RESET, "", "ours"),
    (RECORD, ("battery empty",), OFF, "", "ours"),
    (RECORD, ("too hot",), OFF, "", "ours"),
    (RECORD, ("storage failed",), IDLE, "", "ours"),
    (IDLE, ("battery empty",), OFF, "", "ours"),
    (DISCHARGE, ("battery empty",), OFF, "", "ours"),
    (DISCHARGE, ("sensor fault",), OFF, "", "ours"),
    (DISCHARGE, ("load too hot",), OFF, "", "ours"),
)


def find(state, trigger):
    """(next state, effect) of a trigger in a state; None if the table has no such way."""
    for source, row_trigger, target, effect, _ in TRANSITIONS:
        if source == state and row_trigger == trigger:
            return target, effect
    return None


def holds(state, key):
    """The thresholds of a key in a state, in ms, rising."""
    return sorted(t[1] for s, t, _, _, _ in TRANSITIONS if s == state and t[0] == key)


class Machine:
    """The one place that changes the state. `effects` has `leave`, `enter` and the effects that the table names."""

    def __init__(self, state, effects, log):
        self.state = state
        self._effects = effects
        self._log = log
        self._busy = False
        self.at_ms = 0  # ticks of the key's edge that fired last

    def start(self):
        """Enter the first state."""
        self._effects.enter(self.state, "", "start")

    def fire(self, trigger):
        """Take the way of `trigger`, if there is one from here; True if there was."""
        way = find(self.state, trigger)
        if way is None:
            return False
        target, effect = way
        source = self.state
        why = " ".join(str(t) for t in trigger)
        self._log.info(f"state {source} -> {target} ({why})")
        if target != source:
            self._effects.leave(source)
            self.state = target
            self._effects.enter(target, effect, why)
        elif effect:
            self._effects.act(effect)
        return True
