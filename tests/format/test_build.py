"""What is in a release, and that its bytes depend on its sources alone."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.format.trees import SOURCES, make_tree
from tools import release, release_build
from tools.virtual.interpreter import MICROPYTHON
from wire import dsse, frel

SLOT = {
    "app/__init__.mpy",
    "app/big.mpy",
    "app/main.mpy",
    "app/page.html",
    "board/__init__.mpy",
    "board/power.mpy",
    "board/virtual/__init__.mpy",
    "wire/__init__.mpy",
    "wire/topics.mpy",
}


def paths(path: Path) -> set[str]:
    return {file["path"] for file in release.inspect(path)["manifest"]["files"]}


def test_a_release_holds_what_the_named_boards_need_and_no_more(tree, tmp_path):
    assert paths(release.build("1.0.0", ["virtual"], tmp_path, tree)) == SLOT
    both = release.build("1.0.0", ["virtual", "esp32s3"], tmp_path, tree)
    assert paths(both) == SLOT | {"board/esp32s3/__init__.mpy"}
    assert release.inspect(both)["manifest"]["boards"] == ["esp32s3", "virtual"]


def test_two_builds_in_two_folders_are_the_same_bytes(tmp_path, monkeypatch):
    first = make_tree(tmp_path / "one")
    second = make_tree(tmp_path / "a" / "much" / "longer" / "path")
    for path in second.rglob("*.py"):
        os.utime(path, (1, 1))
    built = [
        release.build("1.0.0", ["virtual", "esp32s3"], tmp_path / "x", first).read_bytes(),
        release.build("1.0.0", ["esp32s3", "virtual", "virtual"], tmp_path / "y", second).read_bytes(),
    ]
    monkeypatch.chdir(tmp_path)
    built.append(release.build("1.0.0", ["virtual", "esp32s3"], Path("z"), Path("one")).read_bytes())
    assert built[0] == built[1] == built[2]


def test_umask_time_zone_language_and_home_do_not_matter(tree, tmp_path):
    """Two builds by the command itself, each with a world of its own around it."""
    built = []
    worlds = (("a", 0o022, "UTC", "C.UTF-8"), ("much/longer/b", 0o077, "Pacific/Chatham", "tr_TR.UTF-8"))
    for folder, umask, zone, language in worlds:
        place = tmp_path / folder
        shutil.copytree(tree, place / "source")
        environ = {
            **os.environ,
            "TZ": zone,
            "LANG": language,
            "LC_ALL": language,
            "HOME": str(place),
            "SOURCE_DATE_EPOCH": "1760000000",
            "PYTHONHASHSEED": str(len(folder)),
        }
        command = [
            sys.executable,
            "-m",
            "tools.cli",
            "release",
            "build",
            "--version",
            "1.0.0",
            "--board",
            "virtual",
        ]
        arguments = ["--source", str(place / "source"), "--out", str(place / "out")]
        subprocess.run(
            [*command, *arguments], env=environ, umask=umask, check=True, capture_output=True, timeout=60
        )
        built.append((place / "out/fieldrec-1.0.0.frel").read_bytes())
    assert built[0] == built[1]
    assert b"source" not in built[0]


def test_the_order_of_files_on_disk_does_not_matter(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    for path in SOURCES:
        make_tree(first, **{path: SOURCES[path]})
    shutil.copytree(first, tmp_path / "copy")
    for path in reversed(list(SOURCES)):
        (second / path).parent.mkdir(parents=True, exist_ok=True)
        (second / path).write_text(SOURCES[path])
    assert (
        release.build("1.0.0", ["virtual"], tmp_path / "x", first).read_bytes()
        == release.build("1.0.0", ["virtual"], tmp_path / "y", second).read_bytes()
    )


def test_no_path_of_the_machine_is_in_it(tree, tmp_path):
    data = release.build("1.0.0", ["virtual"], tmp_path / "out", tree).read_bytes()
    for text in (str(tmp_path), tree.name + "/", str(Path.home())):
        assert text.encode() not in data
    assert b"app/main.py" in data  # the name in a traceback


def test_a_signature_is_the_same_bytes_too(tree, signing_keys, tmp_path):
    built = [release.build("1.0.0", ["virtual"], tmp_path / name, tree) for name in "xy"]
    for path in built:
        release.sign(path, signing_keys / "release.pem")
    assert built[0].read_bytes() == built[1].read_bytes()


def test_created_is_the_given_the_epoch_s_or_the_commit_s(tree, tmp_path, monkeypatch):
    def created(**options):
        path = release.build("1.0.0", ["virtual"], tmp_path / "out", tree, **options)
        return release.inspect(path)["manifest"]["created"]

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert created() == "1970-01-01T00:00:00Z"
    git = ["git", "-C", str(tree), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    date = {**os.environ, "GIT_COMMITTER_DATE": "2026-02-03T04:05:06Z"}
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], env=date, check=True)
    assert created() == "2026-02-03T04:05:06Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert created() == "1970-01-02T00:00:00Z"
    assert created(created="2026-01-01T00:00:00Z") == "2026-01-01T00:00:00Z"


def test_index_and_payload_are_as_the_format_says(tree, tmp_path):
    path = release.build("1.0.0", ["virtual"], tmp_path, tree)
    parts = release.read(path)
    manifest = release.inspect(path)["manifest"]
    hashes = []
    for file in manifest["files"]:
        content = parts.payload[file["offset"] : file["offset"] + file["size"]]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        hashes += [hashlib.sha256(content[i : i + 4096]).digest() for i in range(0, len(content), 4096)]
    assert parts.index == b"".join(hashes) and len(hashes) > len(manifest["files"])
    assert [file["path"] for file in manifest["files"]] == sorted(SLOT)


def test_the_bytecode_runs_on_the_device_without_its_asserts(tree, tmp_path):
    release.unpack(release.build("1.0.0", ["virtual"], tmp_path, tree), tmp_path / "slot")
    script = "import app.main, board; board.NAME = None; app.main.board = 0; print(app.main.main())"
    command, env = [*MICROPYTHON, "-c", script], {**os.environ, "MICROPYPATH": ":.frozen"}
    done = subprocess.run(command, env=env, cwd=tmp_path / "slot", capture_output=True, text=True, timeout=20)
    assert done.stdout == "running\n", done.stderr


@pytest.mark.parametrize(
    ("version", "boards", "changes", "words"),
    [
        ("1.0", ["virtual"], {}, "not a version like 1.2.3: 1.0"),
        ("1.0.0", ["nucleo"], {}, "no board nucleo: .* has esp32s3, virtual"),
        ("1.0.0", [], {}, "no board named: .* has esp32s3, virtual"),
        ("1.0.0", ["virtual"], {"app/bad.py": "def f(:\n"}, "app/bad.py does not compile:"),
        ("1.0.0", ["virtual"], {"app/a b.py": ""}, "files.*path is not valid: 'app/a b.mpy'"),
        (
            "1.0.0",
            ["virtual"],
            {"app/fast.py": "import micropython\n@micropython.native\ndef f(): pass\n"},
            "app/fast.py does not compile:",
        ),
    ],
)
def test_what_can_t_be_built_is_named(version, boards, changes, words, tree, tmp_path):
    make_tree(tree, **changes)
    with pytest.raises(ValueError, match=words):
        release.build(version, boards, tmp_path / "out", tree)
    assert not list(tmp_path.glob("out/*"))


def test_a_folder_that_is_no_source_tree_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no folder app/"):
        release.build("1.0.0", ["virtual"], tmp_path / "out", tmp_path)


def test_a_runtime_is_one_file(tree, tmp_path):
    (tmp_path / "image").write_bytes(b"MicroPython" * 1000)
    path = release.build_runtime("1.27.0", ["virtual"], tmp_path / "out", tmp_path / "image", tree)
    about = release.inspect(path)
    assert path.name == "fieldrec-runtime-1.27.0.frel"
    manifest = about["manifest"]
    assert (manifest["kind"], manifest["name"], manifest["boards"]) == (
        "runtime",
        "fieldrec-runtime",
        ["virtual"],
    )
    (file,) = manifest["files"]
    assert (file["path"], file["size"], about["chunks"]) == ("runtime.bin", 11000, 3)
    assert release.read(path).payload == b"MicroPython" * 1000


def test_an_image_that_no_device_takes_is_named(tree, tmp_path):
    image = tmp_path / "image"
    for size in (0, frel.MAX_PAYLOAD + 1):
        image.write_bytes(bytes(size))
        with pytest.raises(ValueError, match=f"image has {size} bytes, an image has 1 to 8388608"):
            release.build_runtime("1.27.0", ["virtual"], tmp_path / "out", image, tree)
    image.write_bytes(bytes(frel.MAX_PAYLOAD))
    assert release.build_runtime("1.27.0", ["virtual"], tmp_path / "out", image, tree).stat().st_size
    with pytest.raises(ValueError, match="no board nucleo"):
        release.build_runtime("1.27.0", ["nucleo"], tmp_path / "out", image, tree)


def test_this_project_builds(tmp_path):
    boards = release.boards_of(release_build.PROJECT)
    path = release.build("1.0.0", boards, tmp_path, security_version=3)
    about = release.inspect(path)
    assert about["manifest"]["security_version"] == 3 and about["signed_by"] == []
    assert {"wire/frel.mpy", "app/keypair.mpy"} <= {file["path"] for file in about["manifest"]["files"]}
    assert about["sizes"]["envelope"] < frel.MAX_ENVELOPE * 3 // 4, "the manifest leaves little room"
    assert dsse.parse(release.read(path).envelope)[2] == []
