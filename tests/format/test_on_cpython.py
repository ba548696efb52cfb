"""wire/ runs on both interpreters: what `mp_*.py` asks of it inside MicroPython is asked here again."""

import importlib.util
from pathlib import Path

import pytest

CASES = [
    pytest.param(getattr(module, name), id=f"{path.stem}-{name}")
    for path in sorted(Path(__file__).parent.glob("mp_*.py"))
    for spec in [importlib.util.spec_from_file_location(path.stem, path)]
    for module in [importlib.util.module_from_spec(spec)]
    for _ in [spec.loader.exec_module(module)]
    for name in dir(module)
    if name.startswith("test_")
]


@pytest.mark.parametrize("case", CASES)
def test_same_as_on_the_device(case):
    case()
