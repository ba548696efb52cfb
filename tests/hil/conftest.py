"""On whatever rig: here `rig` is the plugin's (hil/plugin.py), not the virtual one of tests/device_fixtures.py."""

from pathlib import Path

import pytest

from hil.plugin import rig  # noqa: F401


@pytest.fixture(scope="session")
def device_keys(first_release) -> Path:
    """The folder with the keys that flashed devices trust."""
    return first_release.parent / "keys"
