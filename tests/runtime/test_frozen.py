"""The manifest that freezes the loader: what it names is there, is all that the loader imports, and compiles."""

import ast
from pathlib import Path

import pytest

from tests.house.test_layers import imports
from tests.house.tree import ROOT
from tools import firmware, release_build
from tools.virtual.board import VirtualBoard

MANIFEST = ROOT / "frozen/esp32s3/manifest.py"
# modules of MicroPython and its esp32 port
BUILT_IN = {
    "_thread", "array", "asyncio", "binascii", "errno", "esp32", "flashbdev", "gc", "hashlib", "inisetup", "json",
    "machine", "math", "micropython", "os", "struct", "sys", "time", "vfs",
}  # fmt: skip


class Manifest:
    """MicroPython's manifest functions (docs: "MicroPython manifest files") as far as ours uses them."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.files: dict[str, Path] = {}
        self.required: list[str] = []
        names = {name: getattr(self, name) for name in ("module", "package", "include", "require")}
        exec(compile(path.read_text(), str(path), "exec"), names)

    def module(self, name: str, base_path: str) -> None:
        if not base_path.startswith("$(PORT_DIR)"):
            self._add(self.folder / base_path, name)

    def package(self, name: str, files: tuple[str, ...] | None = None, base_path: str = ".") -> None:
        base = (self.folder / base_path).resolve()
        found = files or [p.relative_to(base / name).as_posix() for p in sorted((base / name).rglob("*.py"))]
        for file in found:
            self._add(base, f"{name}/{file}")

    def include(self, path: str) -> None:
        assert path.startswith("$(MPY_DIR)")

    def require(self, name: str) -> None:
        self.required.append(name)

    def _add(self, base: Path, name: str) -> None:
        assert (base / name).is_file(), f"{name} is not in {base}"
        self.files[name] = base / name


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Manifest(MANIFEST)


def test_it_freezes_the_loader_whole_and_one_board(manifest):
    loader = set(firmware.spl_files("esp32s3")) - {"boot.py", "main.py"}
    frozen = {name.replace(".py", ".mpy") for name in manifest.files}
    # the app's drivers are not the loader's
    drivers = ("camera", "fat", "microphone", "radio", "storage")
    assert loader - frozen == {f"board/{name}.mpy" for name in drivers}
    assert {"_boot.py", "boot.py", "main.py"} <= set(manifest.files)


def test_all_that_it_imports_is_frozen_or_in_micropython(manifest):
    """The imports at the top of a file; what is imported later is a part that this stage does not use."""
    packages = {name.split("/")[0].removesuffix(".py") for name in manifest.files}
    for name, path in manifest.files.items():
        for module in imports(ast.parse(path.read_text())):
            assert module in packages | BUILT_IN | {"app"}, f"{name} imports {module}"
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in packages:
                inner = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
                places = {m.replace(".", "/") + end for m in inner for end in (".py", "/__init__.py")}
                assert places & set(manifest.files), f"{name} imports {node.module}"


def test_it_compiles(manifest):
    for name, path in manifest.files.items():
        assert release_build.content(path, name)


@pytest.fixture
def frozen_board(tmp_path, manifest, flash_files):
    """A virtual board with these files where the frozen ones would be found, /frozen."""
    boards = []

    def make(keep: tuple[str, ...]) -> VirtualBoard:
        files = {f"frozen/{name}": path for name, path in manifest.files.items() if name != "_boot.py"}
        for name in ("boot.py", "main.py"):
            files[name] = (
                files.pop(f"frozen/{name}").read_bytes().replace(b'".frozen"', b'"/frozen", ".frozen"')
            )
        files["boot.py"] = files["boot.py"].replace(b'load("esp32s3")', b'load("virtual")')
        for path in (ROOT / "board/virtual").glob("*.py"):
            files[f"frozen/board/virtual/{path.name}"] = path
        kept = {name: data for name, data in flash_files.items() if name.startswith(keep)}
        boards.append(VirtualBoard.create(tmp_path / "board", kept | files))
        boards[-1].do("hold", "USB")
        boards[-1].power_on()
        return boards[-1]

    yield make
    for board in boards:
        board.close()


def test_the_frozen_loader_starts_the_app(frozen_board):
    """Also where the flash holds a loader: it is passed over."""
    board = frozen_board(("a/", "etc/"))
    assert board.expect_line("in slot a, state", 10_000).endswith("state IDLE")


def test_without_files_it_opens_the_repl_and_looks_again_after_half_an_hour(frozen_board):
    board = frozen_board(("none",))
    board.expect_line("spl: RECOVERY: no file system", 10_000)
    board.run_for(1_790_000)
    assert board.pins.get("LOAD", 0) == 0 and board.pins["LED_REC"] == 1 and len(board.boots) == 1
    board.run_for(20_000)
    assert [cause for _, cause, _ in board.boots] == ["power", "wdt"]


def test_micropythons_own_loop_on_a_file_system_that_can_not_be_mounted(tmp_path, flash_files):
    """What the frozen `_boot` is for: the stock one never comes to boot.py."""
    with VirtualBoard.create(tmp_path / "board", flash_files) as board:
        with open(board.folder / "flash.img", "r+b") as flash:
            flash.seek(0x400000)
            flash.write(bytes(8192))
        board.power_on()
        board.run_for(20_000)
        assert board.power == "on" and not [line for line in board.lines if line.startswith("spl")]
        assert sum("appears to be corrupted" in line for line in board.lines) == 7
