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


def test_a_runtime_needs_its_image(tree, tmp_path):
    build = (
        "release",
        "build",
        "--version",
        "1.27.0",
        "--board",
        "virtual",
        "--source",
        tree,
        "--out",
        tmp_path,
    )
    words = "--image FILE goes with --kind runtime, and the other way round"
    assert bad(*build, "--kind", "runtime") == words
    (tmp_path / "image").write_bytes(b"x")
    assert bad(*build, "--image", tmp_path / "image") == words
    assert "fieldrec-runtime-1.27.0.frel" in good(*build, "--kind", "runtime", "--image", tmp_path / "image")


def test_trust_changes_and_travels(tree, signed, tmp_path):
    """A second key, two signatures needed, the first root exchanged: all by command."""
    folder, second, root = tmp_path / "keys", tmp_path / "second.pem", tmp_path / "root2.pem"
    keyid = json.loads(good("keys", "generate", second, "--json"))["keyid"]
    good("keys", "public", second, "--out", tmp_path / "second.pub.pem")
    assert "BEGIN PUBLIC KEY" in good("keys", "public", second)
    told = good("keys", "add", folder, tmp_path / "second.pub.pem", "--kind", "app")
    assert "keyring 2 is in force" in told and f"with-keyring RELEASE --keys {folder}" in told
    assert json.loads(good("keys", "threshold", folder, 2, "--json"))["version"] == 3
    old = next(
        row["keyid"] for row in json.loads(good("keys", "list", folder, "--json")) if row["role"] == "root"
    )
    good("keys", "generate", root)
    told = good("keys", "roots", folder, "--add", root, "--remove", old)
    assert "keyring 4 waits in" in told and f"fieldrec keys sign {folder} --root KEY" in told
    assert "keyring 4 is in force" in good("keys", "sign", folder, "--root", root)
    assert "1 of 2 signatures" in bad("release", "verify", signed, "--keys", folder)
    assert keyid in good("release", "sign", signed, "--key", second)
    assert good("release", "with-keyring", signed, "--keys", folder).strip() == f"{signed} brings keyring 4"
    assert "whole and trusted" in good("release", "verify", signed, "--keys", folder)
    text = good("release", "inspect", signed)
    for part in ("keyring 4", "threshold 2, signed by", f"{keyid}  signs app", "roots 2: threshold 1 of"):
        assert part in text
    assert "add a key first" in bad("keys", "revoke", folder, keyid, "--root", root)


def test_diff_shows_files_and_totals(tree, tmp_path):
    build = ("release", "build", "--board", "virtual", "--source", tree, "--out", tmp_path, "--version")
    good(*build, "1.0.0")
    (tree / "app/page.html").write_text("<p>hello again</p>")
    (tree / "app/added.html").write_text("x" * 5000)
    (tree / "board/power.py").unlink()
    good(*build, "1.1.0")
    old, new = tmp_path / "fieldrec-1.0.0.frel", tmp_path / "fieldrec-1.1.0.frel"
    text = good("release", "diff", old, new)
    assert "new         2 of    2 chunks     5000 bytes  app/added.html" in text
    assert "changed     1 of    1 chunks       18 bytes  app/page.html" in text
    assert "removed  board/power.mpy" in text and "app/main.mpy" not in text
    assert "payload  5018 bytes in 2 requests" in text
    found = json.loads(good("release", "diff", old, new, "--json"))
    assert (found["bytes"], found["requests"], found["whole"]) == (5018, 2, new.stat().st_size)
    words = bad("release", "diff", tree / "app/main.py", new)
    assert words.startswith(f"{tree}/app/main.py: not a release")


@pytest.mark.parametrize(
    "group",
    [
        "keys new list generate public add revoke threshold roots sign",
        "release build sign with-keyring verify inspect diff publish",
    ],
)
def test_every_command_explains_itself(group):
    name, *commands = group.split()
    assert all(command in good(name, "--help") for command in commands)
    for command in commands:
        assert "Usage: " in good(name, command, "--help")
