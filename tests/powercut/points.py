"""Where power is cut: (operation, share), or (operation, share, operation of the recovery, share) for a second cut.

A share of 0 is an operation that was not begun, which is the moment after the one before it was done. NOISE is one
in which each bit is done or not at random. Torn programs end at each page of 256 bytes, smaller ones in their middle.
A second cut's operation may be a fraction of the recovery, which is not known before. TRIES in its place, and a seed:
power goes again and again while the new version is on trial.
"""

from __future__ import annotations

import random
from typing import TypeAlias

NOISE = -1
TRIES = "tries"
PAGE = 256
EACH = 4  # so many operations apart is each bit of one done or not at random

Point: TypeAlias = tuple


def single(sizes: list[int]) -> list[Point]:
    """Each moment of a run whose operations program so many bytes, or erase a block (0); the last is its end."""
    shares = [(operation, share) for operation, size in enumerate(sizes) for share in (0, *torn(size))]
    noisy = [(operation, NOISE) for operation in range(0, len(sizes), EACH)]
    return [*shares, *noisy, (len(sizes), 0)]


def torn(size: int) -> list[float]:
    if size <= PAGE:
        return [0.5]
    return [(end + 0.5) / size for end in range(PAGE, size, PAGE)]  # the half byte is cut off again


def double(firsts: list[Point], count: int, seed: int) -> list[Point]:
    """A second cut somewhere in the recovery from one of the first ones."""
    draw = random.Random(seed)
    return [(*draw.choice(firsts), draw.random(), draw.choice((0, 0.5, NOISE))) for _ in range(count)]


def tries(start: int, count: int) -> list[Point]:
    """Points of a scenario whose new version hangs; `start`: the operations done when its first trial begins."""
    return [(start, 0, TRIES, seed) for seed in range(count)]


def text(point: Point) -> str:
    """As `--cut` takes it."""
    pairs = [point[i : i + 2] for i in range(0, len(point), 2)]
    return "+".join(
        f"{operation}:{'noise' if share == NOISE else f'{share:g}'}" for operation, share in pairs
    )


def parse(said: str) -> Point:
    """ValueError if it is none."""
    point: list = []
    for cut in said.split("+"):
        operation, _, share = cut.partition(":")
        if operation == TRIES:
            point += [TRIES, int(share)]
        else:
            point += [int(operation), NOISE if share == "noise" else float(share or 0)]
    return tuple(point)
