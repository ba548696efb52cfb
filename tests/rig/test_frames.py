"""The frames between host and rig: they survive noise, and MicroPython makes the same bytes."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil import frames
from tests.conftest import ROOT
from tools.virtual.interpreter import MICROPYTHON

names = st.sampled_from(sorted(frames.CODES))
payloads = st.binary(max_size=frames.MAX_PAYLOAD)
# without a 0 inside, noise is one damaged frame at most
noises = st.binary(max_size=2 * frames.MAX_STUFFED)


def fed(decoder: frames.Decoder, data: bytes) -> list:
    return [frame for byte in data if (frame := decoder.feed(byte))]


@given(names, st.integers(0, 0xFFFF), payloads)
def test_what_goes_in_comes_out(name, sequence, payload):
    data = frames.encode(name, sequence, payload)
    assert data.count(0) == 1 and data[-1] == 0 and len(data) <= frames.MAX_STUFFED + 1
    assert fed(frames.Decoder(), data) == [(name, sequence, payload)]


@given(noises, names, payloads)
def test_after_any_noise_the_next_frame_but_one_is_heard(noise, name, payload):
    decoder = frames.Decoder()
    fed(decoder, noise)
    frame = bytes(frames.encode(name, 7, payload))
    assert fed(decoder, frame + frame)[-1] == (name, 7, payload)


@given(names, payloads, st.data())
def test_a_changed_byte_is_noticed(name, payload, data):
    stuffed = bytearray(frames.encode(name, 3, payload))
    place = data.draw(st.integers(0, len(stuffed) - 2))
    stuffed[place] ^= data.draw(st.integers(1, 255))
    decoder = frames.Decoder()
    assert fed(decoder, bytes(stuffed)) == []
    assert decoder.damaged >= 1


def test_a_payload_has_a_limit():
    with pytest.raises(frames.FrameError, match="at most 512"):
        frames.encode("NOTE", 0, bytes(513))


@given(st.integers(0, 1 << 40), st.integers(0, (1 << 32) - 20_000))
def test_a_time_that_went_round_is_full_again(now_us, ago_us):
    then_us = now_us - ago_us
    assert frames.unwrap(now_us, then_us & 0xFFFFFFFF) == then_us


def test_numbers_go_round():
    assert frames.gap(0xFFFF, 0xFFFF) == 0
    assert frames.gap(0xFFFE, 0x0001) == 3


def test_each_payload_is_as_long_as_its_table_says():
    for table in (frames.REQUESTS, frames.ANSWERS, frames.REPORTS):
        for name, (number, _, words) in table.items():
            assert frames.NAMES[number] == name and words
            fixed, rest = frames.unpack(name, bytes(frames.MAX_PAYLOAD))
            assert frames.pack(name, *fixed) + rest == bytes(frames.MAX_PAYLOAD)


def test_micropython_makes_the_same_bytes(tmp_path: Path):
    samples = [(name, n, bytes(range(n % 256)) * (1 + n // 200)) for n, name in enumerate(frames.CODES, 240)]
    script = tmp_path / "encode.py"
    script.write_text(
        "import json\nfrom hil import frames\n"
        f"print(json.dumps([frames.encode(*sample).hex() for sample in {samples!r}]))\n"
    )
    env = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
    run = subprocess.run([*MICROPYTHON, str(script)], env=env, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [frames.encode(*sample).hex() for sample in samples]
