import asyncio
import os

from app import selftest
from board.errors import SensorError

WHERE = "/tmp"


class Part:
    """A sensor that reads, or raises what it is given."""

    def __init__(self, error=None):
        self._error = error

    def read(self):
        if self._error:
            raise self._error
        return 3900, 50

    read_decic = read


def verdict(*names, gauge=None, thermistor=None, storage=WHERE, turns=lambda: 0, online=lambda: None):
    checks = [check for check in selftest.CHECKS if check[0] in names]
    assert len(checks) == len(names)
    subject = selftest.Subject(Part(gauge), Part(thermistor), lambda: storage, turns, online)
    return asyncio.run(selftest.run(subject, checks))


def test_all_is_well():
    assert verdict("gauge", "thermistor", "storage", "broker") == (True, "")
    assert "selftest.tmp" not in os.listdir(WHERE)


def test_the_first_failure_is_named():
    dead, open_ = SensorError("no answer at 0x36"), SensorError("thermistor open")
    assert verdict("gauge", "thermistor", gauge=dead) == (False, "self-test: gauge: no answer at 0x36")
    assert verdict("gauge", "thermistor", thermistor=open_) == (
        False,
        "self-test: thermistor: thermistor open",
    )
    passed, reason = verdict("storage", storage="/nowhere")
    assert not passed and reason.startswith("self-test: storage: [Errno 2]"), reason


def test_a_main_loop_that_stands_still():
    assert verdict("main loop") == (False, "self-test: main loop: it stood still for 5 s")


def test_the_broker_may_take_a_while():
    answers = [False, False, True]
    assert verdict("broker", online=lambda: answers.pop(0)) == (True, "")
    assert answers == []
