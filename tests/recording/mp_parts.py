"""The recorder's parts by themselves."""

from app import pace as pace_module
from app.pace import Pace
from app.ring import Ring
from wire import avi, recordings, wav

_now_ms = 5000


def _clock():
    return _now_ms


class Microphone:
    """One whose ring is read as it is told; time passes only here."""

    def __init__(self):
        pace_module.ticks_ms = _clock
        self.pace = Pace(16_000)
        self.found = 0

    def turn(self, ms=125, came=4000, waits=True):
        global _now_ms
        if not waits:
            _now_ms += ms
        self.pace.ask()
        if waits:
            _now_ms += ms
        self.found += self.pace.took(came)


def test_a_steady_microphone_loses_nothing():
    mic = Microphone()
    for _ in range(2000):
        mic.turn()
    assert mic.found == 0


def test_the_start_of_a_microphone_and_drift_are_no_loss():
    mic = Microphone()
    mic.turn(ms=180)
    for number in range(4000):
        mic.turn(ms=126 if number % 20 == 0 else 125)  # 400 ppm
    assert mic.found == 0


def test_what_is_lost_is_found_to_the_sample():
    mic = Microphone()
    for _ in range(40):
        mic.turn()
    mic.turn(ms=925, came=4000, waits=False)  # 29 600 bytes came, 16 000 were kept
    for _ in range(3):
        mic.turn(ms=0, waits=False)
    for _ in range(60):
        mic.turn()
    assert mic.found == 29_600 - 16_000


def test_a_mic_that_is_late_but_loses_nothing():
    mic = Microphone()
    for _ in range(40):
        mic.turn()
    mic.turn(ms=450, waits=False)
    for _ in range(2):
        mic.turn(ms=50, waits=False)
    mic.turn(ms=75, waits=False)
    mic.turn(ms=0, waits=False)
    for _ in range(60):
        mic.turn()
    assert mic.found == 0, mic.found


def test_where_a_moment_is():
    mic = Microphone()
    for _ in range(40):
        mic.turn()
    assert mic.pace.waiting(_clock() + 10) == 320
    assert mic.pace.waiting(_clock() - 10) == -320


def test_a_ring_keeps_the_newest_in_order():
    ring, sent = Ring(40), bytes(range(100))
    for at in range(0, 100, 12):
        ring.put(memoryview(sent)[at : at + 12])
    taken = b""
    while ring.count:
        taken += bytes(ring.take(16))
    assert taken == sent[-40:]


def test_a_line_of_the_journal():
    line = recordings.line("2026-01-01-001", 3, "muted", [5, True])
    assert recordings.parse("2026-01-01-001", line) == (3, "muted", [5, True])
    assert recordings.parse("2026-01-01-002", line) is None
    for size in range(len(line) - 1):
        assert recordings.parse("2026-01-01-001", line[:size]) is None


def test_headers_say_what_was_put_in_and_a_torn_one_nothing():
    shape = avi.Shape(640, 480, 8, 16_000)
    old, new = avi.header(shape, 8, 32_000, 100_000, 0), avi.header(shape, 16, 64_000, 200_000, 0)
    assert len(new) == avi.HEADER_BYTES and avi.movi_bytes(new, shape) == 200_000
    assert avi.shape_of(new).__dict__ == shape.__dict__
    for at in range(4, 512, 4):
        torn = new[:at] + old[at:]
        assert torn in (old, new) or avi.movi_bytes(torn, shape) is None
    old, new = wav.header(16_000, 32_000), wav.header(16_000, 64_000)
    assert wav.sound_bytes(new) == 64_000
    assert wav.sound_bytes(new[:20] + old[20:]) is None
