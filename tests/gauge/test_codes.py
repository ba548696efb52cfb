"""Every fault of a sensor has a code that a person can look up."""

import ast

from tests.house.tree import ROOT, parsed


def table() -> set[str]:
    for node in ast.parse((ROOT / "board/faults.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE":
            return set(ast.literal_eval(node.value))
    raise AssertionError("board/faults.py has no TABLE")


def calls(name: str) -> list[tuple[str, ast.Call]]:
    return [
        (file, node)
        for package in ("board", "app", "bootloader")
        for file, tree in parsed(f"{package}/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    ]


def test_each_is_raised_with_a_code_of_the_table_and_each_code_is_raised():
    assert {ast.literal_eval(call.args[0]) for _, call in calls("fault")} == table()


def test_none_is_raised_without():
    assert [file for file, _ in calls("SensorError") if file != "board/faults.py"] == []
