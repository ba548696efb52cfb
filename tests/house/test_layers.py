"""Who may import whom."""

import ast
from collections.abc import Iterator

from tests.house.tree import parsed

HARDWARE = {"machine", "esp32", "network", "rp2"}
OWN_HARDWARE = (
    "hil/pico/",  # the firmware of the rig is for another processor
    "hil/sim/",  # and so is its simulation
    "bootloader/boot.py",  # it must be able to reset also where nothing else can be imported
)

ON_DEVICE = "tools/board/ondevice/"  # programs that tools hand to a board's REPL: they may use what is there

# package: the packages of this tree that it may import
MAY_IMPORT = {
    "wire": {"wire"},
    "board": {"board", "wire"},
    "bootloader": {"bootloader", "board", "wire"},
    "app": {"app", "bootloader", "board", "wire"},
    "cloud": {"cloud", "wire"},
    "tools": {"tools", "hil", "cloud", "wire"},
    "hil": {"hil", "tools", "cloud", "wire"},
}


def imports(tree: ast.Module) -> Iterator[str]:
    """The first part of the name of every module that is imported, anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_dependencies_point_down():
    wrong = [
        f"{file} imports {module}"
        for package, allowed in MAY_IMPORT.items()
        for file, tree in parsed(f"{package}/*.py")
        for module in imports(tree)
        if module in MAY_IMPORT.keys() - allowed and not str(file).startswith(ON_DEVICE)
    ]
    assert not wrong


def test_only_board_touches_hardware():
    wrong = [
        f"{file} imports {module}"
        for package in ("wire", "bootloader", "app", "cloud", "hil")
        for file, tree in parsed(f"{package}/*.py")
        for module in imports(tree)
        if module in HARDWARE and not str(file).startswith(OWN_HARDWARE)
    ]
    assert not wrong
