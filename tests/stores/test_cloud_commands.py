"""`fieldrec cloud config`, `backup` and `restore`, as they are typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.commands.cloud import app


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.output


def test_config_is_shown_set_and_unset(cloud_stores):
    data = ("--data", cloud_stores.data)
    assert run("config", "url_life_s", *data)[1].split()[:3] == ["url_life_s", "3600", "(default)"]
    assert run("config", "url_life_s", "90", *data)[1].split()[:2] == ["url_life_s", "90"]
    code, said = run("config", "url_life_s", "soon", *data)
    assert code == 1 and "give a whole number from 60 to 604800" in said
    assert "(default)" in run("config", "url_life_s", "--unset", *data)[1]
    assert len(run("config", *data)[1].splitlines()) == 4


def test_backup_wants_its_key_elsewhere_and_a_cloud_that_runs(tmp_path):
    code, said = run("backup", tmp_path / "safe", "--key", tmp_path / "safe/key", "--data", tmp_path)
    assert code == 1 and "keep it elsewhere" in said
    code, said = run("backup", tmp_path / "safe", "--key", tmp_path / "key", "--data", tmp_path / "none")
    assert code == 1 and "without it the backup can't be restored" in said and "nothing runs in" in said
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--to", "yesterday"), "yesterday"),
        ((), "has no base backup"),
        (("--key", "none"), "none: No such file"),
    ],
)
def test_restore_says_what_is_wrong(tmp_path, more, words):
    (tmp_path / "key").write_text("00" * 32)
    code, said = run("restore", tmp_path, "--key", tmp_path / "key", "--data", tmp_path / "new", *more)
    assert code == 1 and words in said


def test_up_knows_its_brokers(tmp_path):
    code, said = run("up", "--broker", "pigeon", "--data", tmp_path)
    assert code == 1 and "'pigeon' is none of embedded, mosquitto" in said
