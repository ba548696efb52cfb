"""How simulated devices behave: a table, and the mix of a fleet."""

from typing import NamedTuple

from wire import topics


class Kind(NamedTuple):
    """What becomes of a job, how fast, and how often the device is there."""

    words: str
    ends: str | None  # status; None: it falls silent
    last_step: str = "confirmed"
    detail: str = ""
    pace: float = 1.0  # of its steps' time
    restarts: bool = True  # between installed and trial
    share_online: float = 1.0
    lies: bool = False


KINDS = {
    "healthy": Kind("updates, restarts, confirms", topics.SUCCEEDED),
    "slow": Kind("the same, five times slower", topics.SUCCEEDED, pace=5.0),
    "failing": Kind(
        "can't write its flash", topics.FAILED, "downloading", "flash: write error at 4096", restarts=False
    ),
    "reverting": Kind("is back in the old version", topics.FAILED, "reverted", "self-test: gauge: no answer"),
    "silent": Kind("takes its job, and is never heard of again", None, "verifying", restarts=False),
    "offline": Kind("comes and goes, away for two thirds of the time", topics.SUCCEEDED, share_online=1 / 3),
    "lying": Kind("says what isn't so, or isn't its to say, and then updates", topics.SUCCEEDED, lies=True),
}


def mix(text: str) -> dict[str, int]:
    """`healthy=8,slow=2` as parts of a whole. Raises ValueError."""
    parts = {}
    for each in text.split(","):
        name, _, part = each.partition("=")
        if name not in KINDS:
            raise ValueError(f"there is no kind {name!r} of device: {', '.join(KINDS)}")
        if not part.isdecimal() or int(part) == 0:
            raise ValueError(f"--mix {each!r}: give KIND=PARTS, like healthy=8,slow=2")
        parts[name] = int(part)
    return parts


def assign(count: int, parts: dict[str, int]) -> list[str]:
    """The kind of each of `count` devices, spread evenly: any hundred in a row have the mix of the whole."""
    total, owed, given = sum(parts.values()), dict.fromkeys(parts, 0), []
    for _ in range(count):
        for name, part in parts.items():
            owed[name] += part
        most = max(owed, key=owed.__getitem__)
        owed[most] -= total
        given.append(most)
    return given
