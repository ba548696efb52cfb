"""wire/ runs on both interpreters: what `mp_*.py` asks of it inside MicroPython is asked here again."""

import importlib
from pathlib import Path

import pytest

CASES = [
    pytest.param(getattr(module, name), id=f"{path.stem}-{name}")
    for path in sorted(Path(__file__).parent.glob("mp_*.py"))
    for module in [importlib.import_module(f"tests.format.{path.stem}")]
    for name in dir(module)
    if name.startswith("test_")
]


@pytest.mark.parametrize("case", CASES)
def test_same_as_on_the_device(case):
    case()
