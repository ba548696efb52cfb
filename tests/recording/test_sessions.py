"""What a session is on the card, and what befalls it: whole, exported, changed, full, pulled out, overrun."""

import json
import wave
from array import array

import pytest
from typer.testing import CliRunner

from hil.virtual import VirtualRig
from tests.recording import known_signal, players
from tools import recordings
from tools.cli import main
from tools.virtual.board import VirtualBoard


def flash(flash_files, **settings) -> dict[str, bytes]:
    """A board's flash with other settings."""
    return flash_files | {"etc/settings.json": json.dumps({"wifi_on": False, **settings}).encode()}


def run(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["recordings", *map(str, arguments)])
    return result.exit_code, result.output


def begin(rig: VirtualRig) -> None:
    rig.press("PWR_SW2", 1200)
    rig.expect("LED_REC", 1, 4000)


def end(rig: VirtualRig) -> None:
    rig.press("PWR_SW2", 3200)
    rig.expect_line("recorded", 8000)
    rig.wait(500)


@pytest.fixture
def make(tmp_path, flash_files):
    """Boards that hear the counter."""
    rigs: list[VirtualRig] = []

    def made(video: bool = False, **settings) -> VirtualRig:
        rigs.append(known_signal.board(tmp_path, flash(flash_files, **settings), video))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.close()


def test_video_and_sound_through_segment_changes(tmp_path, make, flash_files):
    rig = make(video=True, segment_s=10)
    released = known_signal.record(rig, 25, 2)
    session = known_signal.save(rig, tmp_path / "card")
    result = known_signal.judge(session, released)
    assert result.wrong == [] and result.segments == 3 and result.frames >= result.seconds * 8

    secret = tmp_path / "secret"
    secret.write_bytes(flash_files["etc/seal.key"])
    code, words = run("verify", tmp_path / "card", "--key", secret)
    assert code == 0 and "whole" in words and "seal right" in words
    code, words = run("export", tmp_path / "card", tmp_path / "all.avi")
    assert code == 1 and "card is no recording's folder: there is no session.json in it" in words

    code, words = run("export", session, tmp_path / "all.avi")
    assert code == 0, words
    played = players.play((tmp_path / "all.avi").read_bytes())
    assert played.complaints == [] and played.frames == result.frames
    assert known_signal.breaks(played.samples) == []
    assert len((tmp_path / "all.bookmarks.csv").read_text().splitlines()) == 3


def test_what_was_changed_is_named(tmp_path, make, flash_files):
    rig = make(segment_s=10)
    known_signal.record(rig, 25, 1)
    session = known_signal.save(rig, tmp_path / "card")
    key = recordings.seal_key(flash_files["etc/seal.key"])
    assert recordings.verify(session, key).faults == []

    sound = bytearray((session / "001.wav").read_bytes())
    sound[5000] ^= 1
    (session / "001.wav").write_bytes(sound)
    (session / "000.wav").unlink()
    code, words = run("verify", session)
    assert code == 1 and "000.wav is missing, 10.0 s" in words and "001.wav was changed" in words

    about = json.loads((session / "session.json").read_text())
    del about["segments"][0]
    (session / "session.json").write_text(json.dumps(about))
    words = "\n".join(recordings.verify(session, key).faults)
    assert "001.wav: the chain breaks here" in words and "the seal is wrong" in words


def test_a_pulled_battery_is_made_up_for_at_the_next_start(tmp_path, make, flash_files):
    rig = make(segment_s=10)
    begin(rig)
    rig.wait(16_300)
    rig.cut_power()
    rig.restore_power()
    rig.wait(1000)
    rig.press("PWR_SW1", 1700)
    assert "ms" in rig.expect_line("repaired", 10_000)
    rig.wait(1000)
    rig.board.close()
    session = known_signal.save(rig, tmp_path / "card")
    verdict = recordings.verify(session, recordings.seal_key(flash_files["etc/seal.key"]))
    assert verdict.faults == [] and verdict.about["repaired"] == ["001.wav"]
    assert verdict.about["length_ms"] > 16_300 - 2000
    assert known_signal.judge(session, []).wrong == []


def test_sound_from_before_the_key_is_in_front(tmp_path, make):
    """With external power the microphone listens in IDLE."""
    rig = make(video=True, pre_event_s=5)
    rig.board.do("schedule", rig.board.now_us, "USB", True)
    rig.press("PWR_SW1", 1700)
    rig.expect("LED_STATE", 1, 4000)
    rig.wait(20_000)
    released = known_signal.record(rig, 8, 1)
    session = known_signal.save(rig, tmp_path / "card")
    result = known_signal.judge(session, released)
    about = recordings.read(session)
    assert result.wrong == []
    assert 4000 <= about["pre_event_ms"] <= 5000
    assert [each["name"] for each in about["segments"]] == ["000.wav", "001.avi"]
    recordings.export(session, tmp_path / "all.avi")
    played = players.play((tmp_path / "all.avi").read_bytes())
    assert known_signal.breaks(played.samples) == [] and played.frames >= len(played.samples) // 2000


def test_a_slow_card_costs_nothing_up_to_half_a_second_and_is_counted_beyond(tmp_path, make):
    rig = make()
    begin(rig)
    rig.wait(5000)
    rig.board.do("stall_card", 350)
    rig.wait(5000)
    rig.board.do("stall_card", 900)
    rig.expect_line("ms of sound lost", 6000)
    rig.wait(4000)
    end(rig)
    rig.board.close()
    session = known_signal.save(rig, tmp_path / "card")
    about = recordings.read(session)
    ((at_ms, lost_ms),) = about["lost"]
    assert about["overruns"] == {"count": 1, "ms": lost_ms} and 350 < lost_ms < 650
    with wave.open(str(session / "000.wav")) as file:
        samples = array("H", file.readframes(file.getnframes()))
    silence = samples[at_ms * 16 + 8 : (at_ms + lost_ms) * 16 - 8]
    assert not any(silence)
    off = (samples[-1] - samples[0] - (len(samples) - 1)) & 0xFFFF
    assert min(off, 65536 - off) <= 20 * 16  # from there on the timeline is where it was
    assert len(known_signal.breaks(samples[: at_ms * 16])) == 1  # where it was lost
    assert known_signal.breaks(samples[(at_ms + lost_ms) * 16 + 8 :]) == []


def test_a_card_pulled_out_ends_the_recording_with_words(make):
    rig = make()
    begin(rig)
    rig.wait(5000)
    rig.board.do("set_card", False)
    rig.expect_line("recording failed", 5000)
    rig.expect("LED_REC", 0, 5000)
    rig.board.do("set_card", True)
    rig.wait(3000)
    begin(rig)
    rig.wait(3000)
    end(rig)
    assert not [line for line in rig.board.lines if "Traceback" in line]
    rig.board.close()
    assert sum(path.endswith("session.json") for path in rig.board.read_card()) == 2


@pytest.mark.parametrize("loop", [False, True])
def test_a_full_card(tmp_path, make, monkeypatch, loop):
    """Either the recording ends whole, or the oldest one without a bookmark gives way."""
    monkeypatch.setattr("tools.virtual.media.SD_BYTES", 4 << 20)
    rig = make(segment_s=10, loop_recording=loop)
    begin(rig)
    rig.wait(1000)
    rig.press("PWR_SW2", 1200)
    rig.wait(21_000)
    end(rig)  # protected by its bookmark
    begin(rig)
    rig.wait(15_000)
    end(rig)
    begin(rig)
    if loop:
        rig.expect_line("2026-01-01-002 gives way", 90_000)
        rig.wait(5000)
        end(rig)
    else:
        rig.expect_line("storage full", 90_000)
        rig.wait(3000)
    rig.board.close()
    known = known_signal.save(rig, tmp_path / "card").parent
    names = sorted(path.name[-3:] for path in known.iterdir())
    assert names == (["001", "003"] if loop else ["001", "002", "003"])
    for session in recordings.sessions(known):
        assert recordings.verify(session).faults == []


def test_cues(make):
    """Vibrations: at the start, and every two minutes."""
    rig = make()
    begin(rig)
    rig.wait(130_000)
    began = next(t for t, signal, value in rig.board.edges if signal == "LED_REC" and value)
    buzzes = [(t - began) / 1e6 for t, signal, value in rig.board.edges if signal == "HAPTIC" and value]
    assert buzzes == [pytest.approx(0, abs=0.3), pytest.approx(120, abs=1.2)]
    rig.battery_mv(3480)
    rig.wait(8000)
    buzzes = [t for t, signal, value in rig.board.edges if signal == "HAPTIC" and value]
    assert len(buzzes) == 2 + 3


def test_a_small_heap_keeps_less_and_says_so(tmp_path, flash_files):
    with VirtualBoard.create(tmp_path / "board", flash(flash_files, pre_event_s=30), heap="600K") as board:
        rig = VirtualRig(board)
        rig.restore_power()
        rig.board.do("schedule", rig.board.now_us, "USB", True)
        rig.press("PWR_SW1", 1700)
        assert "not 30000" in rig.expect_line("ms before a recording", 10_000)
        rig.wait(5000)
        begin(rig)
        rig.wait(5000)
        end(rig)
        assert not [line for line in board.lines if "Traceback" in line or "failed" in line]
