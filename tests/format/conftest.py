"""A small source tree, a folder of keys, and a signed release made of both."""

from pathlib import Path

import pytest

from tests.format.trees import make_tree
from tools import keys, release


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "source")


@pytest.fixture
def signing_keys(tmp_path: Path) -> Path:
    keys.new(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def signed(tree: Path, signing_keys: Path, tmp_path: Path) -> Path:
    path = release.build("1.1.0", ["virtual"], tmp_path / "out", tree)
    release.sign(path, signing_keys / "release.pem")
    return path
