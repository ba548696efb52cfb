"""What the page streams."""

import json

from app.web import files
from tests.boot.flash import Flash, mounted

FOLDER = mounted(Flash(), new=True)


def made(name, content):
    with open(f"{FOLDER}/{name}", "wb") as file:
        file.write(content)
    return f"{FOLDER}/{name}"


def test_a_list_is_json_of_any_length():
    for count in (0, 1, 3):
        text = "".join(files.json_list("things", ({"n": i, "t": '"\n'} for i in range(count))))
        assert json.loads(text) == {"v": 1, "things": [{"n": i, "t": '"\n'} for i in range(count)]}


def test_a_file_comes_in_pieces_of_one_buffer():
    content = bytes(range(256)) * 20 + b"end"
    came = b""
    for piece in files.pieces(made("content", content)):
        assert len(piece) <= files.PIECE_BYTES <= 4096
        came += piece
    assert came == content
    assert list(files.pieces(made("empty", b""))) == []


def test_names_that_may_lead_elsewhere_are_refused():
    assert files.path("/sd", "2026-01-01-001", "000.wav") == "/sd/REC/2026-01-01-001/000.wav"
    for name in ("", ".", "..", "../etc", "a/b", "a\\b", "%2e%2e", "a\x00", "/etc", ".hidden", "käse", "a b"):
        try:
            files.path("/sd", name)
        except ValueError:
            continue
        raise AssertionError(f"{name!r} was taken")


def test_lines_of_a_file_and_of_memory():
    path = made("log", b"one\ntwo\n")
    assert list(files.lines(path, ["three"])) == ["one", "two", "three"]
    assert list(files.lines(FOLDER + "/none", ["three"])) == ["three"]
