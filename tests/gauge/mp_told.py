"""A fault of a sensor is told to the cloud when it begins, and is over when the sensor can be read again."""

from app.safety import Safety
from board.faults import fault


class _Board:
    """Gauge, thermistor and memory in one: what is not in order raises."""

    wrong = ""

    def __init__(self):
        self.gauge = self.thermistor = self.memory = self

    def read(self):
        if self.wrong:
            raise fault(self.wrong, "here")
        return 3900, 80

    def read_decic(self):
        return 250

    def load(self):
        return {}

    update = save = lambda self, **values: None


class _Rest:
    """What is asked of state machine, discharge and log here."""

    state = "IDLE"

    def warning(self, text):
        return

    def fire(self, trigger):
        raise AssertionError(trigger)


def test_a_fault_is_told_once_while_it_lasts():
    board, rest, told = _Board(), _Rest(), []
    safety = Safety(board, None, rest, rest, rest, lambda kind, **fields: told.append((kind, fields["code"])))
    for second, wrong in enumerate(("", "G01", "G01", "G03", "", "T03")):
        board.wrong = wrong
        safety.sample(second * 1000)
        assert safety.fault_code == wrong
    assert told == [("fault", "G01"), ("fault", "T03")]
