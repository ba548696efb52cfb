"""A rig from its entry in an inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hil.errors import MisuseError
from hil.rig import Rig


def _virtual(files: Mapping[str, Path | bytes], folder: str | Path, **options) -> Rig:
    from hil.virtual import VirtualRig
    from tools.virtual.board import VirtualBoard

    return VirtualRig(VirtualBoard.create(Path(folder), files, **options))


def _pico(port: str, limits: Mapping[str, float] | None = None, **options) -> Rig:
    from hil.pico_rig import PicoRig
    from hil.timebase import Limits

    return PicoRig(port, limits=Limits(**(limits or {})), **options)


def _gpiod(chip: str, wiring: Mapping, **options) -> Rig:
    from hil.gpiod import GpiodRig

    return GpiodRig(chip, **wiring, **options)


# name: what makes it, and {key of its entry: whether it must be there}
BACKENDS: dict[str, tuple[Callable[..., Rig], dict[str, bool]]] = {
    "virtual": (
        _virtual,
        {"files": True, "folder": True, "seed": False, "real": False, "rate": False, "heap": False},
    ),
    "pico": (_pico, {"port": True, "wiring": False, "device_port": False, "limits": False}),
    "gpiod": (_gpiod, {"chip": True, "wiring": True, "uncertainty_us": False}),
}


def open_rig(entry: Mapping) -> Rig:
    """The rig of `entry`, whose `backend` is one of BACKENDS. MisuseError if the entry is wrong, RigFault else."""
    name = entry.get("backend")
    if name not in BACKENDS:
        raise MisuseError(f"no back-end {name!r}; there are {', '.join(BACKENDS)}")
    make, keys = BACKENDS[name]
    given = {key: value for key, value in entry.items() if key != "backend"}
    unknown = sorted(given.keys() - keys)
    missing = sorted(key for key, required in keys.items() if required and key not in given)
    if unknown or missing:
        words = [f"{key!r} is unknown" for key in unknown] + [f"{key!r} is missing" for key in missing]
        raise MisuseError(f"the entry of a {name} rig: {', '.join(words)}; it may have {', '.join(keys)}")
    return make(**given)
