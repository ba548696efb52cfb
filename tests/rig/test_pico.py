"""The firmware of the Pico's rig, in MicroPython over a pseudo-terminal, when host, link or clock fail."""

import time

import pytest
import serial  # type: ignore[import-untyped]

from hil import frames
from hil.capture import PASS
from hil.errors import MisuseError, RigFault
from hil.pico_rig import PicoRig
from hil.timebase import Limits
from tests.rig.conftest import PATIENT

LOOP = {"wires": [["LOOP_OUT", "LOOP_IN", 0, 0]]}


class Tampered:
    """A serial port that leaves out one frame of the rig, of a kind; or adds noise to each read."""

    def __init__(self, path: str, drop: str = "", noise: bytes = b""):
        self._port = serial.Serial(path, timeout=0.02)
        self._drop, self._noise = drop, noise
        self._rest = b""
        self.dropped = 0

    @property
    def in_waiting(self) -> int:
        return self._port.in_waiting

    def read(self, size: int) -> bytes:
        *whole, self._rest = (self._rest + self._port.read(size)).split(b"\0")
        return b"".join(self._noise + frame + b"\0" for frame in whole if not self._is_dropped(frame))

    def _is_dropped(self, frame: bytes) -> bool:
        if self.dropped or not self._drop or not frame:
            return False
        self.dropped = int(frames.decode(frame)[0] == self._drop)
        return bool(self.dropped)

    def write(self, data: bytes) -> int:
        return self._port.write(self._noise + data)

    def close(self) -> None:
        self._port.close()


def pulse(rig: PicoRig):
    with rig.capture("PWR_SW1") as seen:
        rig.press("PWR_SW1", 20)
        rig.wait(60)
    return seen


def test_the_host_falls_silent_and_every_line_is_let_go(pico, connect):
    rig = connect(pico().port)
    rig.restore_power()
    with rig.capture("PWR_SW1", "POWER", "CHARGER") as seen:
        rig.hold("PWR_SW1")
        rig.charger(True)
        rig._session.silent = True
        last_us = rig._session.rig_us
        time.sleep(1.4)
    let_go = {edge.signal: edge for edge in seen.edges if edge.t_us > last_us}
    assert {(edge.signal, edge.level) for edge in let_go.values()} == {
        ("PWR_SW1", 1),
        ("POWER", 0),
        ("CHARGER", 0),
    }
    assert all(1_000_000 <= edge.t_us - last_us <= 1_150_000 for edge in let_go.values())
    assert not seen.complete and "silent" in " ".join(seen.reasons)
    with pytest.raises(RigFault, match="silent"):
        rig.hold("PWR_SW1")


def test_a_new_session_after_a_silent_one(pico, connect):
    path = pico().port
    first = connect(path)
    first._session.silent = True
    time.sleep(1.2)
    first._session.close()
    assert pulse(connect(Tampered(path))).pulse("PWR_SW1", 0).verdict(19_990, 20_010) == PASS


@pytest.mark.parametrize("kind", ["EDGES", "SERIAL"])
def test_a_report_that_is_lost_marks_the_capture(pico, connect, kind):
    port = Tampered(pico({"says": [["PWR_SW1", 0, "pressed"]]}).port)
    rig = connect(port)
    port._drop = kind
    seen = pulse(rig)
    assert port.dropped and not seen.complete
    assert "lost" in " ".join(seen.reasons)
    assert pulse(rig).complete


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(pico, connect):
    port = Tampered(pico().port)
    rig = connect(port)
    with rig.capture("PWR_SW1") as seen:
        port._drop = "ACK"
        rig.press("PWR_SW1", 20)
        rig.wait(60)
    assert port.dropped and seen.complete
    assert [edge.level for edge in seen.edges] == [0, 1]


def test_noise_between_frames_harms_nothing(pico, connect):
    rig = connect(Tampered(pico().port, noise=bytes(range(1, 200)) + b"\0"))
    assert pulse(rig).complete


def test_a_stalled_fifo_marks_the_capture(pico, connect):
    rig = connect(pico({**LOOP, "stall": 3}).port)
    seen = pulse(rig)
    assert not seen.complete and "FIFO" in " ".join(seen.reasons)
    assert pulse(rig).complete


@pytest.mark.parametrize("ppm", [20_000, -20_000])
def test_a_clock_out_of_its_limits_is_refused(pico, connect, ppm):
    with pytest.raises(RigFault, match=r"clock is off by -?[12]"):
        connect(pico({"ppm": ppm}).port)


def test_a_clock_that_is_known_too_badly_is_refused(pico, connect):
    with pytest.raises(RigFault, match="known to"):
        connect(pico().port, limits=Limits(uncertainty_us=1))


def test_one_session_after_another(pico):
    path = pico().port
    for _ in range(2):
        rig = PicoRig(path, limits=PATIENT)
        assert pulse(rig).complete
        rig.close()


def test_a_rig_that_does_not_answer(pico, monkeypatch):
    monkeypatch.setattr("hil.pico_session._ANSWER_S", 0.1)
    simulated = pico()
    rig = PicoRig(simulated.port)
    simulated.freeze()
    with pytest.raises(RigFault, match="did not answer"):
        rig.hold("PWR_SW1")
    rig.close()


def test_a_port_that_is_not_there(tmp_path):
    with pytest.raises(RigFault, match="can't be opened"):
        PicoRig(str(tmp_path / "tty"))


def test_the_loopback_that_is_not_wired(pico, connect):
    with pytest.raises(RigFault, match="connect GP5 with GP6"):
        connect(pico({"wires": []}).port).self_test()


def test_a_line_is_busy_until_its_pulse_is_over(pico, connect):
    rig = connect(pico().port)
    rig.press("PWR_SW1", 200)
    with pytest.raises(MisuseError, match="us more"):
        rig.press("PWR_SW1", 10)
    with rig.capture("PWR_SW1", "PWR_SW2") as seen:
        rig.press("PWR_SW2", 30)  # the other key is free
        rig.release("PWR_SW1")  # and what was ordered can be called off
        rig.wait(250)
    assert [(e.signal, e.level) for e in seen.edges if e.signal == "PWR_SW1"] == [("PWR_SW1", 1)]
    assert seen.pulse("PWR_SW2", 0).verdict(29_990, 30_010) == PASS


def test_keys_overlap_as_they_were_ordered(pico, connect):
    rig = connect(pico().port)
    with rig.capture("PWR_SW1", "PWR_SW2") as seen:
        rig.press("PWR_SW1", 60)
        rig.press("PWR_SW2", 20)
        rig.wait(120)
    assert [e.signal for e in seen.edges] == ["PWR_SW1", "PWR_SW2", "PWR_SW2", "PWR_SW1"]


@pytest.mark.parametrize(
    ("name", "payload", "words"),
    [
        ("PULSES", b"\0", "it has 9"),
        ("PULSES", bytes(9) + b"\1\0\0", "3 bytes of events"),
        ("PULSES", bytes(9), "0 events"),
        ("PULSES", bytes(9) + b"\1\0\0\0" * 2, "at least 4"),
        ("LEVEL", b"\x09\x01", "LEVEL"),
        ("RESET", b"\xff\xff\xff\xff", "of reset"),
        ("GAUGE", b"\x09", "GAUGE"),
        ("WORDS", b"\0", "1 bytes of words"),
        ("FAULT", b"\x63\0\0\0\0", "FAULT"),
    ],
)
def test_a_wrong_request_is_refused_in_words(session, name, payload, words):
    with pytest.raises(MisuseError, match=words):
        session._ask(name, None, payload)


@pytest.fixture(scope="module")
def session():
    from hil.pico_session import Session
    from hil.sim import SimulatedPico

    with SimulatedPico() as simulated:
        made = Session(serial.Serial(simulated.port, timeout=0.02), lambda name, payload: None)
        yield made
        made.close()


def test_another_version_is_refused(pico):
    from hil.pico_session import Session

    port = serial.Serial(pico().port, timeout=0.02)
    before, frames.VERSION = frames.VERSION, 99
    try:
        with pytest.raises(MisuseError, match="flash it anew"):
            Session(port, lambda name, payload: None)
    finally:
        frames.VERSION = before
        port.close()
