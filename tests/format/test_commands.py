"""`fieldrec keys` and `fieldrec release`, as a person and as a script would use them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tools.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def bad(*arguments: object) -> str:
    """What it says when it fails: one line, exit code 1."""
    done = run(*arguments)
    assert done.exit_code == 1 and done.stdout == "", (done.exception, done.stdout)
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr.removeprefix("error: ").strip()


def test_from_keys_to_a_verified_release(tree, tmp_path):
    folder, out = tmp_path / "k", tmp_path / "out"
    made = json.loads(good("keys", "new", folder, "--json"))
    assert made["release"] in good("keys", "list", folder)
    build = ("release", "build", "--version", "1.1.0", "--board", "virtual", "--source", tree, "--out", out)
    built = json.loads(good(*build, "--security-version", 4, "--json"))
    path = built["path"]
    assert path == str(out / "fieldrec-1.1.0.frel") and built["size"] == Path(path).stat().st_size
    assert "no signature" in bad("release", "verify", path, "--keys", folder)
    assert made["release"] in good("release", "sign", path, "--key", folder / "release.pem")
    assert "whole and trusted: fieldrec 1.1.0 (app)" in good("release", "verify", path, "--keys", folder)
    about = json.loads(good("release", "inspect", path, "--json"))
    assert about["digest"] == built["digest"] and about["manifest"]["security_version"] == 4
    text = good("release", "inspect", path)
    for part in (about["digest"], made["release"], "app/main.mpy", "1.26.0"):
        assert part in text


def test_errors_are_one_line_and_say_what_to_do(tree, signed, signing_keys, tmp_path):
    build = ("release", "build", "--board", "virtual", "--source", tree, "--out", tmp_path, "--version")
    assert bad(*build, "1") == "not a version like 1.2.3: 1"
    assert "never overwritten, choose another folder" in bad("keys", "new", signing_keys)
    assert bad("release", "inspect", tmp_path / "none") == f"{tmp_path}/none: No such file or directory"
    assert "not a release" in bad("release", "inspect", signing_keys / "root.pem")
    assert "holds no private key" in bad("release", "sign", signed, "--key", signing_keys / "roots.json")
    assert bad("keys", "list", tmp_path) == f"{tmp_path}/roots.json: No such file or directory"
    assert "kinds are app and runtime" in bad("keys", "new", tmp_path / "x", "--kind", "firmware")


@pytest.mark.parametrize("group", ["keys new list", "release build sign verify inspect publish"])
def test_every_command_explains_itself(group):
    name, *commands = group.split()
    assert all(command in good(name, "--help") for command in commands)
    for command in commands:
        assert "Usage: " in good(name, command, "--help")
