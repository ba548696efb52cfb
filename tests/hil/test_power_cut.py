"""Power that goes at any moment: in a recording, in an update, in a trial."""

import io
import json
import wave
from itertools import pairwise

import pytest

from hil.bench import settle
from hil.judging import Found
from tests.boot.test_start import hanging, record
from tests.hil.device import bring, state, texts
from tests.hil.updating import SETTLED, flash, updating

_DEAD_MS = 300
RATE_HZ = 16_000

pytestmark = pytest.mark.needs("power", "serial", "keys")


def cut(rig) -> None:
    rig.cut_power()
    rig.wait(_DEAD_MS)


@pytest.mark.parametrize("ms", [150, 1003, 5310])
def test_in_a_recording(rig, ms):
    """It starts again, records again, and says nothing of a broken file."""
    bring(rig, "RECORD")
    rig.wait(ms)
    cut(rig)
    settle(rig)
    since_us = rig.now_us()
    bring(rig, "RECORD")
    rig.wait(3000)
    bring(rig, "IDLE")
    assert not [text for text in texts(rig, since_us) if "Traceback" in text or "storage failed" in text]


@pytest.mark.needs("files")
def test_a_recording_loses_two_seconds_at_most(rig):
    since_us = rig.now_us()
    bring(rig, "RECORD")
    rig.wait(10_300)
    took_s = (rig.now_us() - since_us) / 1e6 - 1.2  # the press itself
    cut(rig)
    card = rig.files("card")
    (about,) = [json.loads(data) for path, data in card.items() if path.endswith("session.json")]
    (sound,) = [data for path, data in card.items() if path.endswith(".wav")]
    assert not about["closed"]
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getframerate() == RATE_HZ
    assert (len(sound) - 44) / 2 / RATE_HZ >= took_s - 2.3  # the app takes a moment to start


@pytest.mark.needs("flash", "host_present")
def test_in_an_update(rig, tmp_path, device_keys):
    """Pulled again and again while it downloads, installs and tries: it always starts, and comes to rest."""
    rig.flash(updating(rig, tmp_path, device_keys))
    rig.host_present(True)
    for ms in range(200, 3000, 350):
        rig.restore_power()
        rig.wait(ms)
        cut(rig)
    since_us = rig.now_us()
    rig.restore_power()
    rig.expect_line(SETTLED, 120_000, since_us=since_us)
    said = texts(rig)
    assert not [text for text in said if "RECOVERY" in text or "Traceback" in text]
    assert any("downloading" in text for text in said)
    versions = [text.split()[-1] for text in texts(rig, since_us) if text.startswith("spl: slot")]
    assert versions and versions[-1] in ("1.0.0", "1.0.1")


@pytest.mark.needs("flash", "host_present")
def test_an_update_without_a_cut_is_installed_and_kept(rig, tmp_path, device_keys):
    """What the test above disturbs."""
    rig.flash(updating(rig, tmp_path, device_keys))
    rig.host_present(True)
    rig.restore_power()
    rig.expect_line(SETTLED, 120_000, since_us=rig.now_us())
    assert [text.split()[-1] for text in texts(rig) if text.startswith("spl: slot")] == ["1.0.0", "1.0.1"]
    assert any("confirmed" in text for text in texts(rig))


@pytest.mark.needs("flash")
def test_the_watchdog_ends_a_version_that_hangs_and_the_old_one_comes_back(rig, judge, tmp_path, device_keys):
    """Three tries, each ended by the watchdog."""
    trial = record(active="b", state="trial", previous="a")
    files = flash(rig, tmp_path, device_keys)
    rig.flash(files | hanging(files) | {"boot.json": trial})
    settle(rig)
    since_us = rig.now_us()
    rig.press("PWR_SW1", 1600)
    rig.expect_line("spl: slot a", 60_000, since_us=since_us)
    starts = [line for line in rig.lines if line.t_us >= since_us and line.text.startswith("spl: slot")]
    assert [line.text.split()[2] for line in starts] == ["b", "b", "b", "a"]
    rig.wait(3000)
    assert state(rig) == "IDLE"
    gaps_s = [(b.t_us - a.t_us) / 1e6 for a, b in pairwise(starts)]
    found = [Found(gap_s, 0.3) for gap_s in gaps_s]  # a line comes that much after what it tells
    judge("watchdog", found, nominal=8, low=7.5, high=10, unit="s", spec="board/watchdog.py, and a start")
