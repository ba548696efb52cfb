"""The arrows of docs/state-machine.mmd as facts: what a label says, in numbers with units."""

import re
from dataclasses import dataclass
from decimal import Decimal

_ARROW = re.compile(r"^\s*(\S+) --> (\S+)(?: : (.*))?$")
_SECONDS = {"s": 1, "min": 60, "hr": 3600}

# what may stand in a label: (pattern, name of the fact, its value from the match)
_FACTS = (
    (r"(PWR_SW\d)", "key", lambda m: m[1]),
    (r"(?:Hold|Press) ([\d.]+)s", "hold_ms", lambda m: _thousandths(m[1])),
    (r"Released < ([\d.]+)s", "released_ms", lambda m: _thousandths(m[1])),
    (r"Batt <= ([\d.]+)V", "batt_max_mv", lambda m: _thousandths(m[1])),
    (r"Batt >= ([\d.]+)V", "batt_min_mv", lambda m: _thousandths(m[1])),
    (r"Temp >= ([\d.]+)C", "temp_min_decic", lambda m: int(Decimal(m[1]) * 10)),
    (r">(\d+)(hr|min|s)\b", "dwell_s", lambda m: int(m[1]) * _SECONDS[m[2]]),
    (r"Target ([\d.]+)V Reached", "shutdown_mv", lambda m: _thousandths(m[1])),
    (r"Voltage Reached Target", "target", lambda m: True),
    (r"Valid", "valid", lambda m: True),
    (r"Wake & High Temp", "maintenance", lambda m: True),
    (r"Any Key Press", "any_key", lambda m: True),
)


@dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    label: str

    @property
    def facts(self) -> dict:
        """What the label says; a label that says nothing known is an error of the reader."""
        facts = {name: value(m) for pattern, name, value in _FACTS if (m := re.search(pattern, self.label))}
        if not facts:
            raise ValueError(f"arrow {self.source} --> {self.target}: nothing is known of {self.label!r}")
        return facts

    def __str__(self) -> str:
        return f"{self.source} --> {self.target} : {self.label}"


def read(text: str) -> list[Arrow]:
    """All arrows but the one that says where the diagram begins."""
    found = [m.groups() for line in text.splitlines() if (m := _ARROW.match(line))]
    return [Arrow(source, target, label or "") for source, target, label in found if source != "[*]"]


def _thousandths(text: str) -> int:
    return int(Decimal(text) * 1000)
