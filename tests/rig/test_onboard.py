"""The rig's firmware goes onto a board by mpremote: here a virtual one, on whose file system it is found again."""

import pytest

from hil import onboard
from hil.errors import RigFault
from tests.virtual.test_mpremote import mpremote
from tests.virtual.test_mpremote import port as a_board  # noqa: F401


def test_the_firmware_goes_onto_a_board(a_board):  # noqa: F811
    files = onboard.rig_firmware()
    assert {"/main.py", "/hil/__init__.py", "/hil/frames.py", "/hil/pico/rig.py"} <= files.keys()
    del files["/main.py"]  # this board has its own
    onboard.put(str(a_board), files)
    listed = mpremote(a_board, "ls", ":/hil/pico")
    sizes = {line.split()[1]: int(line.split()[0]) for line in listed.splitlines() if line.endswith(".py")}
    assert sizes == {
        path.rpartition("/")[2]: len(content if isinstance(content, bytes) else content.read_bytes())
        for path, content in files.items()
        if path.startswith("/hil/pico/")
    }


def test_a_port_without_a_board(tmp_path):
    with pytest.raises(RigFault, match="mpremote cp"):
        onboard.put(str(tmp_path / "tty"), {"/x.py": b"pass"})
