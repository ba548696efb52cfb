"""rigs.yaml: what is right is taken, what is wrong is told with its line."""

from pathlib import Path

import pytest

from hil import inventory
from hil.backends import BACKENDS
from hil.errors import MisuseError
from tests.house.tree import ROOT

PICO = "rigs:\n  b:\n    backend: pico\n    port: /dev/p\n"
GPIOD = "rigs:\n  g:\n    backend: gpiod\n    chip: /dev/c\n    wiring: {keys: {PWR_SW1: 1}, sense: {LED_REC: 1}}\n"

WRONG = [
    ("rigs: [\n", "2: no YAML"),
    ("", "1: the file is None: it must be `rigs:` with a rig by name below it"),
    ("bench: {}\nrigs: {}\n", "1: bench: there is no such key; there is `rigs`"),
    ("rigs:\n  b: 3\n", "2: rigs.b is 3: it needs a backend, one of virtual, pico, gpiod"),
    ("rigs:\n  b:\n    backend: pica\n", "3: rigs.b.backend is 'pica': it needs a backend, one of virtual, pico"),
    ("rigs:\n  b: {backend: virtual}\n  b: {backend: virtual}\n", "3: b is there twice"),
    ("rigs:\n  b:\n    backend: pico\n", "2: rigs.b.port: it must be there"),
    (PICO.replace("/dev/p", "17"), "4: rigs.b.port is 17: "),
    (PICO + "    prot: x\n", "5: rigs.b.prot is 'x': there is no such key for a pico rig; there are backend,"),
    (PICO + "    wiring:\n      LED_REC: 40\n", "5: rigs.b.wiring: LED_REC on GP40: the rig watches GP2 to GP15"),
    (PICO + "    wiring:\n      LED_REC: 2\n", "5: rigs.b.wiring: 2 is used twice, for PWR_SW1 and for LED_REC"),
    (PICO + "    wiring:\n      LED: 8\n", "5: rigs.b.wiring: LED: no such signal; there are PWR_SW1,"),
    (PICO + "    capabilities: [wings]\n", "5: rigs.b.capabilities is ['wings']: wings: unknown; there are keys,"),
    (PICO + "    calibration:\n      drift_ppm: -1\n", "6: rigs.b.calibration.drift_ppm is -1: "),
    (GPIOD, "5: rigs.g.wiring: 1 is used twice, for keys.PWR_SW1 and for LED_REC"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, words):
    path = tmp_path / "rigs.yaml"
    path.write_text(text)
    with pytest.raises(MisuseError) as failure:
        inventory.load(path)
    assert str(failure.value).startswith(f"{path}:{words}")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MisuseError, match="can't be read: No such file"):
        inventory.load(tmp_path / "rigs.yaml")


def test_the_example_is_right_and_what_open_rig_takes():
    rigs = inventory.load(ROOT / "hil/rigs.example.yaml")
    assert {"virtual", "bench1"} <= rigs.keys()
    for entry in rigs.values():
        options = entry.options()
        _, keys = BACKENDS[options.pop("backend")]
        assert options.keys() <= keys.keys()
    assert rigs["bench1"].options()["limits"] == {"drift_ppm": 100, "uncertainty_us": 5000}


def test_each_back_end_has_an_entry():
    assert inventory.ENTRIES.keys() == BACKENDS.keys()


def test_virtual_needs_no_file():
    assert inventory.load(None) == {"virtual": inventory.VIRTUAL}
    with pytest.raises(MisuseError, match=r"no rig 'bench1' without a rigs.yaml; there are virtual"):
        inventory.choose(inventory.load(None), "bench1", None)
    with pytest.raises(MisuseError, match=r"no rig 'x' in rigs.yaml"):
        inventory.choose({"virtual": inventory.VIRTUAL}, "x", Path("rigs.yaml"))
