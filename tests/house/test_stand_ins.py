"""What the virtual board offers as `machine` and the like against MicroPython's stubs: nothing that a board lacks."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import ROOT

ROM = ROOT / "tools/virtual/rom"
STUBS = ROOT / ".venv/typings"

# the stream protocol, by which `poll` asks: on a board it is in C
IN_C = ["I2S.ioctl is not in the stubs"]

Names = dict[str, list[ast.stmt]]


def public(body: list[ast.stmt]) -> Names:
    """Name: its definitions (overloads are several), of a module or class."""
    names: Names = {}
    for node in body:
        for name in defined(node):
            if not name.startswith("_"):
                names.setdefault(name, []).append(node)
    return names


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    if isinstance(node, ast.Assign):
        return [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return []


def module(path: Path) -> Names:
    return public(ast.parse(path.read_text()).body)


def parameters(function: ast.FunctionDef) -> set[str]:
    a = function.args
    return {p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)} - {"self", "cls"}


def takes_anything(function: ast.FunctionDef) -> bool:
    return bool(function.args.vararg or function.args.kwarg)


def differences(name: str, ours: list[ast.stmt], theirs: list[ast.stmt] | None, stub: Names) -> list[str]:
    """What `ours` has that `theirs`, the stubs' definitions of the same name, doesn't."""
    if theirs is None:
        return [f"{name} is not in the stubs"]
    for node in ours:
        if isinstance(node, ast.ClassDef):
            return class_differences(node, theirs, stub)
        if isinstance(node, ast.FunctionDef):
            overloads = [t for t in theirs if isinstance(t, ast.FunctionDef)]
            known = set().union(*(parameters(t) for t in overloads))
            if overloads and not any(takes_anything(t) for t in overloads):
                return [f"{name}({p}) is not in the stubs" for p in sorted(parameters(node) - known)]
    return []


def class_differences(node: ast.ClassDef, theirs: list[ast.stmt], stub: Names) -> list[str]:
    members = inherited(theirs, stub)
    found = []
    for name, ours in constructor_and_public(node).items():
        found += differences(f"{node.name}.{name}", ours, members.get(name), stub)
    return found


def constructor_and_public(node: ast.ClassDef) -> Names:
    made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    return {**public(node.body), **({"__init__": list(made)} if made else {})}


def inherited(theirs: list[ast.stmt], stub: Names) -> Names:
    """The members of a stub's class, its bases' included."""
    members: Names = {}
    for node in theirs:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                members.update(inherited(stub.get(ast.unparse(base), []), stub))
            members.update(constructor_and_public(node))
    return members


@pytest.mark.parametrize("name", ["machine", "esp32", "network", "time"])
def test_a_stand_in_offers_nothing_that_a_board_lacks(name):
    ours, stub = module(ROM / f"{name}.py"), module(STUBS / f"{name}.pyi")
    found = [d for n, nodes in ours.items() for d in differences(n, nodes, stub.get(n), stub)]
    assert [d for d in found if d not in IN_C] == []


def test_a_difference_is_found():
    stub = public(ast.parse("class Pin:\n    def value(self, x: int = 0) -> int: ...").body)
    code = "class Pin:\n    def vlaue(self): pass\n    def value(self, y=0): pass\ndef spin(): pass"
    ours = public(ast.parse(code).body)
    assert [d for n, nodes in ours.items() for d in differences(n, nodes, stub.get(n), stub)] == [
        "Pin.vlaue is not in the stubs",
        "Pin.value(y) is not in the stubs",
        "spin is not in the stubs",
    ]
