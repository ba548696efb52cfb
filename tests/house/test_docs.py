"""Every setting and every fault code of a device is in docs/device.md."""

import ast
import json

from tests.house.tree import ROOT


def settings() -> dict[str, tuple[object, str]]:
    """{name: (default, what a valid value is)} of the table in app/settings.py."""
    for node in ast.parse((ROOT / "app/settings.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE":
            assert isinstance(node.value, ast.Dict)
            return dict(
                entry(key, value) for key, value in zip(node.value.keys, node.value.values, strict=True)
            )
    raise AssertionError("app/settings.py has no TABLE")


def entry(key: ast.expr | None, value: ast.expr) -> tuple[str, tuple[object, str]]:
    assert key and isinstance(value, ast.Tuple)
    default, _, words = value.elts
    return ast.literal_eval(key), (ast.literal_eval(default), ast.literal_eval(words))


def test_each_setting_is_described():
    text = (ROOT / "docs/device.md").read_text()
    rows = [
        f"| `{name}` | `{json.dumps(default)}` | {words} |" for name, (default, words) in settings().items()
    ]
    assert [row for row in rows if row not in text] == []


def test_each_fault_code_is_described():
    table = next(
        ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "board/faults.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE"
    )
    text = (ROOT / "docs/device.md").read_text()
    rows = [f"| `{code}` | {what} | {to_do} |" for code, (what, to_do) in table.items()]
    assert rows and [row for row in rows if row not in text] == []
