"""Inputs for a parser, made from valid examples. Runs on MicroPython and CPython.

`make(shape, examples, seed, number)` gives the same input for the same arguments, on the same interpreter.

    bytes     an example, with bits flipped, bytes put in, left out, doubled, cut off, or joined with another's
    json      half of the time: an example's JSON with a value exchanged, left out or added; else as bytes
"""

import json
import random

MAX_SIZE = 4096

# what programs trip over: limits of integers, floats, depths, encodings
NUMBERS = (
    0,
    1,
    -1,
    255,
    65535,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**63,
    -(2**63),
    2**64,
    0.5,
    -1e300,
    True,
    False,
)
WORDS = (
    "",
    "0",
    "-1",
    "..",
    "/",
    "a" * 100,
    "\x00",
    "é",
    "\U0001f600",
    "1.2.3",
    "true",
    "%s",
    "{}",
    "A" * 64,
    "\n",
)
TOKENS = (
    b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"\r\n", b"\n\n", b":", b"[" * 40,
    b'{"a":' * 20, b'"', b"\\u0000", b"\\ud800", b"1e999", b"-", b"99999999999999999999",
    b"\xc3\x28", b"\xf0\x9f\x98\x80", b"0x", b"null", b"=", b"..", b"/", b"+", b"#",
)  # fmt: skip


def make(shape, examples, seed, number):
    random.seed((number * 2654435761 ^ seed * 40503) & 0x7FFFFFFF)
    random.getrandbits(32)
    example = random.choice(examples)
    if shape == "json" and random.getrandbits(1):
        return _other_json(example)[:MAX_SIZE]
    data = bytearray(example)
    for _ in range(1 + random.randrange(4) * random.randrange(3)):
        data = random.choice(_EDITS)(data, examples)[:MAX_SIZE]
    return bytes(data)


def _at(data):
    return random.randrange(len(data) + 1)


def _span(data):
    start = _at(data)
    return start, min(len(data), start + 1 + random.randrange(1 + random.choice((1, 4, 32, 400))))


def _flip(data, _):
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data


def _any_byte(data, _):
    if data:
        data[random.randrange(len(data))] = random.getrandbits(8)
    return data


def _leave_out(data, _):
    start, end = _span(data)
    return data[:start] + data[end:]


def _double(data, _):
    start, end = _span(data)
    return data[:end] + data[start:end] + data[end:]


def _put_in(data, _):
    at = _at(data)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _put_over(data, _):
    at, token = _at(data), random.choice(TOKENS)
    return data[:at] + token + data[at + len(token) :]


def _cut_off(data, _):
    return data[: _at(data)]


def _join(data, examples):
    other = random.choice(examples)
    return data[: _at(data)] + other[_at(other) :]


def _noise(data, _):
    at = _at(data)
    return data[:at] + bytes(random.getrandbits(8) for _ in range(random.randrange(40)))


_EDITS = (_flip, _flip, _any_byte, _leave_out, _double, _put_in, _put_over, _cut_off, _join, _noise)


def _other_json(example):
    """The example with one to three of its values changed. What is no JSON stays as it is."""
    try:
        value = json.loads(example)
    except ValueError:
        return example
    for _ in range(1 + random.randrange(3)):
        value = _changed(value)
    return json.dumps(value).encode()


def _changed(value):
    """Go down at random, and change what is there."""
    inside = type(value) in (dict, list) and len(value) and random.randrange(6)
    if not inside:
        return _instead(value)
    name = random.choice(list(value)) if type(value) is dict else random.randrange(len(value))
    way = random.randrange(8)
    if way == 0:
        value.pop(name)
    elif way == 1 and type(value) is dict:
        value[random.choice(WORDS)] = _instead(None)
    elif way == 1:
        value.append(value[name])
    else:
        value[name] = _changed(value[name])
    return value


def _instead(value):
    """Another value: of the same type, or of any."""
    way = random.randrange(7)
    if way == 0 and type(value) is str:
        return value + random.choice(WORDS)
    if way == 1 and type(value) is str:
        return value[: random.randrange(len(value) + 1)]
    if way == 2 and type(value) is int:
        return value + random.choice((-1, 1, 4096))
    if way == 3:
        return [value] * random.randrange(4)
    if way == 4:
        return {"a": value}
    return random.choice(random.choice((NUMBERS, WORDS, (None, [], {}))))
