"""What must not be in any file of this repository."""

import ast
import re

from tests.house.tree import ROOT, name, parsed, tracked

MOST_LINES = 400

# this machine's folders, and hosts of package registries: spelt so that this file doesn't contain them
FOREIGN = re.compile(
    r"/(?:wor[k]|roo[t]|hom[e])/|pyp[i]\.org|pythonhoste[d]|npmj[s]\.|crate[s]\.io|de[b]\.debian"
)


def texts() -> list[tuple[str, str]]:
    return [(name(path), path.read_bytes().decode(errors="replace")) for path in tracked()]


def test_no_file_is_long():
    long = {name(path): len(path.read_text().splitlines()) for path in tracked("*.py")}
    assert {file: lines for file, lines in long.items() if lines > MOST_LINES} == {}


def test_no_exception_is_swallowed():
    """`except Exception: pass` and its like: what went wrong is shown, handled or passed on."""
    wrong = [
        f"{file}:{node.lineno}"
        for file, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and catches_all(node) and does_nothing(node.body)
    ]
    assert not wrong


def catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")


def does_nothing(body: list[ast.stmt]) -> bool:
    return all(isinstance(s, ast.Pass | ast.Continue) or ast.unparse(s) == "..." for s in body)


def test_nothing_speaks_of_one_machine():
    wrong = [f"{file}: {found[0]}" for file, text in texts() if (found := FOREIGN.search(text))]
    assert not wrong


def test_locks_pin_by_hash_and_name_no_host():
    for lock in ("requirements.lock", "typings.lock", "typings-rp2.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text and "index-url" not in text, lock
        for pin in re.findall(r"^\w.*(?:\n .*)*", text, re.M):
            assert re.match(r"\S+==\S+", pin) and "--hash=sha256:" in pin, f"{lock}: {pin.splitlines()[0]}"
