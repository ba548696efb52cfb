"""A small source tree shaped like this project, with things in it that must not get into a release."""

from pathlib import Path

SOURCES = {
    "app/__init__.py": "",
    "app/main.py": "import board\n\n\ndef main():\n    assert board\n    return 'running'\n",
    "app/big.py": "DATA = b'" + "0123456789abcdef" * 600 + "'\n",
    "app/page.html": "<p>hello</p>\n",
    "app/notes.md": "stays at home\n",
    "app/main.pyi": "def main() -> str: ...\n",
    "app/.hidden.py": "1\n",
    "app/tests/test_main.py": "1\n",
    "app/__pycache__/main.cpython-311.pyc": "x",
    "board/__init__.py": "NAME = 'shared'\n",
    "board/power.py": "OFF = 0\n",
    "board/virtual/__init__.py": "PIN = 1\n",
    "board/esp32s3/__init__.py": "PIN = 2\n",
    "board/__pycache__/x.pyc": "x",
    "wire/__init__.py": "",
    "wire/topics.py": "VERSION = 1\n",
    "bootloader/boot.py": "1\n",
    "cloud/app.py": "1\n",
}


def make_tree(folder: Path, **changes: str) -> Path:
    for path, text in {**SOURCES, **changes}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
