"""Recordings of the virtual board, read back from its card and decoded by FFmpeg's libraries."""

import io
import json

import av
import pytest

RATE_HZ = 16_000


@pytest.fixture
def recording(rig):
    rig.press("PWR_SW2", 1200)
    rig.expect("LED_REC", 1, 4000)
    return rig


def stop(rig):
    rig.press("PWR_SW2", 3200)
    rig.expect_line("recorded", 6000)
    rig.wait(500)


def session(rig) -> tuple[dict, dict[str, bytes]]:
    """(session.json, {segment: bytes}) of the one recording on the card."""
    rig.board.close()
    files = rig.board.read_card()
    folder = {path.split("/")[-2] for path in files if path.endswith("session.json")}
    assert len(folder) == 1
    name = folder.pop()
    about = json.loads(files[f"REC/{name}/session.json"])
    segments = {path.split("/")[-1]: data for path, data in sorted(files.items()) if path.endswith(".wav")}
    assert [segment["name"] for segment in about.get("segments", [])] in ([], list(segments))
    return about, segments


def samples(wav: bytes) -> list[int]:
    """Decoded by FFmpeg, which raises on what it can't read."""
    with av.open(io.BytesIO(wav), "r") as container:
        stream = container.streams.audio[0]
        about = (stream.rate, stream.codec_context.channels, stream.codec_context.name)
        assert about == (RATE_HZ, 1, "pcm_s16le")
        found: list[int] = []
        for frame in container.decode(stream):
            found.extend(memoryview(bytes(frame.planes[0])).cast("h")[: frame.samples])
        return found


def test_a_recording_plays_with_its_bookmark(recording):
    recording.wait(5000)
    recording.press("PWR_SW2", 1200)
    recording.wait(5000)
    stop(recording)
    about, segments = session(recording)
    assert about["closed"] and about["private"] == []
    assert about["bookmarks"] == [pytest.approx(6200, abs=300)]  # a bookmark is set on release
    (wav,) = segments.values()
    sound = samples(wav)
    assert len(sound) * 2 == about["length_ms"] * 32
    assert len(sound) / RATE_HZ == pytest.approx(13.4, abs=0.5)
    assert max(sound) == 8192 and all(
        sound[i] == sound[i + 16] for i in range(len(sound) - 16)
    )  # 1 kHz, no gap


def test_segments_follow_without_a_gap(recording):
    recording.wait(150_000)
    stop(recording)
    about, segments = session(recording)
    assert list(segments) == ["000.wav", "001.wav", "002.wav"]
    sound = [s for wav in segments.values() for s in samples(wav)]
    assert len(sound) * 2 == about["length_ms"] * 32
    assert all(sound[i] == sound[i + 16] for i in range(0, len(sound) - 16))


def test_mute_writes_silence_and_keeps_the_timeline(recording):
    recording.wait(3000)
    recording.press("PWR_SW1", 3100)
    recording.wait(8000)
    recording.press("PWR_SW1", 3100)
    recording.wait(6000)
    stop(recording)
    about, segments = session(recording)
    ((on_ms, off_ms),) = about["muted"]
    sound = samples(segments["000.wav"])
    muted = sound[on_ms * 16 + 16 : off_ms * 16 - 16]
    assert len(muted) > 4 * RATE_HZ and not any(muted)
    assert any(sound[: on_ms * 16]) and any(sound[off_ms * 16 + RATE_HZ :])


def test_a_pulled_battery_costs_at_most_two_seconds(recording):
    recording.wait(10_300)
    started_us = next(t for t, signal, value in recording.board.edges if signal == "LED_REC" and value)
    length_s = (recording.board.now_us - started_us) / 1e6
    recording.cut_power()
    about, segments = session(recording)
    assert not about["closed"]
    assert len(samples(segments["000.wav"])) / RATE_HZ >= length_s - 2


def test_low_battery_closes_the_recording(recording):
    recording.wait(5000)
    recording.battery_mv(3400)
    recording.expect_line("-> OFF (battery empty)", 10_000)
    recording.wait(500)
    about, segments = session(recording)
    assert about["closed"]
    assert samples(segments["000.wav"])
