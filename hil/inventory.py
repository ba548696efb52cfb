"""`rigs.yaml`: which rigs there are, how each is wired, what it can do and how well. hil/rigs.example.yaml explains it.

A mistake is told as FILE:LINE, the value, and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml  # type: ignore[import-untyped]  # its types are a package more
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hil.errors import MisuseError
from hil.pico.pins import CAPTURE_BASE, CAPTURE_COUNT, SIGNALS
from hil.rig import CAPABILITIES

_LAST = CAPTURE_BASE + CAPTURE_COUNT - 1
_HINTS = {"extra_forbidden": "there is no such key", "missing": "it must be there"}

Line = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Calibration(_Checked):
    """What this rig is held to, and how far what it sets may be from what it was told."""

    drift_ppm: Positive | None = None  # its clock; beyond it the rig refuses to judge
    uncertainty_us: Positive | None = None  # pico: of its time against the host's; gpiod: of an edge
    battery_mv: Positive | None = None
    temperature_c: Positive | None = None


class Entry(_Checked):
    backend: str
    capabilities: list[str] | None = None  # what is wired, of what the back-end can; all of it if left out
    calibration: Calibration = Calibration()

    @field_validator("capabilities")
    @classmethod
    def _known(cls, names: list[str] | None) -> list[str] | None:
        unknown = sorted(set(names or ()) - CAPABILITIES.keys())
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: unknown; there are {', '.join(CAPABILITIES)}")
        return names

    def options(self) -> dict:
        """For hil.backends.open_rig."""
        options = self.model_dump(exclude={"capabilities", "calibration"}, exclude_none=True)
        return options | self.limits()

    def limits(self) -> dict:
        return {}

    def resource(self) -> str:
        """What two runs must not use at once, "" if it is the run's own."""
        return ""


class VirtualEntry(Entry):
    backend: Literal["virtual"]
    seed: int = 1
    real: bool = False
    rate: Positive = 1.0
    heap: Annotated[str, Field(pattern=r"^\d+[KM]$")] = "1M"


class PicoEntry(Entry):
    backend: Literal["pico"]
    port: str
    device_port: str | None = None
    wiring: dict[str, Line] | None = None

    @field_validator("wiring")
    @classmethod
    def _pins(cls, wiring: dict[str, int] | None) -> dict[str, int] | None:
        for signal, number in (wiring or {}).items():
            if signal not in SIGNALS:
                raise ValueError(f"{signal}: no such signal; there are {', '.join(SIGNALS)}")
            if not CAPTURE_BASE <= number <= _LAST:
                raise ValueError(f"{signal} on GP{number}: the rig watches GP{CAPTURE_BASE} to GP{_LAST}")
        _distinct({**SIGNALS, **(wiring or {})})
        return wiring

    def limits(self) -> dict:
        limits = self.calibration.model_dump(include={"drift_ppm", "uncertainty_us"}, exclude_none=True)
        return {"limits": limits} if limits else {}

    def resource(self) -> str:
        return self.port


class GpiodWiring(_Checked):
    keys: dict[Literal["PWR_SW1", "PWR_SW2"], Line]
    sense: dict[str, Line]
    power: Line | None = None
    reset: Line | None = None
    loop: Line | None = None


class GpiodEntry(Entry):
    backend: Literal["gpiod"]
    chip: str
    wiring: GpiodWiring

    @field_validator("wiring")
    @classmethod
    def _lines(cls, wiring: GpiodWiring) -> GpiodWiring:
        singles = {name: getattr(wiring, name) for name in ("power", "reset", "loop")}
        _distinct({f"keys.{k}": v for k, v in wiring.keys.items()} | wiring.sense | singles)
        return wiring

    def limits(self) -> dict:
        return self.calibration.model_dump(include={"uncertainty_us"}, exclude_none=True)

    def resource(self) -> str:
        return self.chip


ENTRIES: dict[str, type[Entry]] = {"virtual": VirtualEntry, "pico": PicoEntry, "gpiod": GpiodEntry}
VIRTUAL = VirtualEntry(backend="virtual")


def _distinct(pins: Mapping[str, int | None]) -> None:
    taken: dict[int, str] = {}
    for name, number in pins.items():
        if number is not None and taken.setdefault(number, name) != name:
            raise ValueError(f"{number} is used twice, for {taken[number]} and for {name}")


def load(path: Path | None) -> dict[str, Entry]:
    """{name: entry} of the rigs in a file; `virtual` is there without one. MisuseError names file, line and value."""
    if path is None:
        return {"virtual": VIRTUAL}
    file = _File(path)
    rigs = file.value.get("rigs") if isinstance(file.value, dict) else None
    if not isinstance(rigs, dict):
        raise file.wrong((), "it must be `rigs:` with a rig by name below it")
    for key in file.value:
        if key != "rigs":
            raise file.wrong((key,), "there is no such key; there is `rigs`")
    return {"virtual": VIRTUAL} | {name: _entry(file, name, entry) for name, entry in rigs.items()}


def choose(rigs: Mapping[str, Entry], name: str, path: Path | None) -> Entry:
    """MisuseError if there is no such rig."""
    if name not in rigs:
        where = f"in {path}" if path else "without a rigs.yaml"
        raise MisuseError(f"no rig {name!r} {where}; there are {', '.join(rigs)}")
    return rigs[name]


def _entry(file: _File, name: str, entry: Any) -> Entry:
    where = ("rigs", name)
    backend = entry.get("backend") if isinstance(entry, dict) else None
    if not isinstance(backend, str) or backend not in ENTRIES:
        shown = where if backend is None else (*where, "backend")
        raise file.wrong(shown, f"it needs a backend, one of {', '.join(ENTRIES)}")
    try:
        return ENTRIES[backend].model_validate(entry)
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda each: each["type"] != "extra_forbidden"
        )  # what a slip looks like
        words = _HINTS.get(first["type"], first["msg"].removeprefix("Value error, "))
        if first["type"] == "extra_forbidden":
            words += f" for a {backend} rig; there are {', '.join(ENTRIES[backend].model_fields)}"
        raise file.wrong((*where, *first["loc"]), words) from None


class _File:
    """A YAML file whose values know their lines."""

    def __init__(self, path: Path):
        self.path = path
        try:
            text = path.read_text()
            self._root = yaml.compose(text, yaml.SafeLoader)
            self.value = yaml.safe_load(text)
        except OSError as error:
            raise MisuseError(f"{path} can't be read: {error.strerror}") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise MisuseError(f"{path}:{line}: no YAML: {error.problem}") from None
        for node, key in _twice(self._root):
            raise MisuseError(f"{path}:{node.start_mark.line + 1}: {key} is there twice")

    def wrong(self, where: tuple, words: str) -> MisuseError:
        node, value, line = self._root, self.value, 1
        for part in where:
            key = next((k for k, _ in _pairs(node) if k.value == str(part)), None)
            if key is None:
                break
            line, value = key.start_mark.line + 1, value[part] if isinstance(value, dict) else value
            node = next(child for k, child in _pairs(node) if k is key)
        name = ".".join(map(str, where)) or "the file"
        shown = "" if isinstance(value, dict) else f" is {value!r}"
        return MisuseError(f"{self.path}:{line}: {name}{shown}: {words}")


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _twice(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, str]]:
    """Keys that are there a second time, which YAML's readers pass over in silence."""
    seen = set()
    for key, child in _pairs(node):
        if key.value in seen:
            yield key, key.value
        seen.add(key.value)
        yield from _twice(child)
