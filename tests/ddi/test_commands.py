"""`fieldrec target`, against the service as it runs."""

from pathlib import Path

from typer.testing import CliRunner, Result

from tests.ddi.conftest import BOARD
from tools.cli import main
from tools.release import inspect


def fieldrec(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_one_file_becomes_a_release(tmp_path: Path):
    (tmp_path / "gateway.swu").write_bytes(b"070702" + bytes(5000))
    options = ("--name", "gateway-os", "--version", "2.0.0", "--board", BOARD, "--out", tmp_path)
    assert fieldrec("target", "wrap", tmp_path / "gateway.swu", *options).exit_code == 0
    path = tmp_path / "gateway-os-2.0.0.frel"
    first, (file,) = path.read_bytes(), inspect(path)["manifest"]["files"]
    assert (file["path"], file["size"]) == ("gateway.swu", 5006)
    assert fieldrec("target", "wrap", tmp_path / "gateway.swu", *options).exit_code == 0
    assert path.read_bytes() == first
    (tmp_path / "empty").touch()
    refused = fieldrec("target", "wrap", tmp_path / "empty", *options)
    assert refused.exit_code == 1 and "has 0 bytes" in refused.output
