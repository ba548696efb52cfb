"""mpremote on a virtual board's port, as on any board's."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def mpremote(port: Path, *words: str) -> str:
    run = subprocess.run(
        [BIN / "mpremote", "connect", port, *words], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "board0"
    command = [BIN / "fieldrec", "board", "run", "--port", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while "state IDLE" not in (line := process.stdout.readline()):
                assert line, "the board ended before it was in IDLE"
            threading.Thread(
                target=process.stdout.read, daemon=True
            ).start()  # a full pipe would stop the board
            yield path
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert not path.exists() and not path.with_name("board0.control").exists()


def test_ls_lists_the_boards_files(port):
    listed = {line.split()[-1] for line in mpremote(port, "fs", "ls", ":").splitlines()[1:]}
    assert {"boot.py", "main.py", "bootloader/", "a/", "etc/"} <= listed


def test_exec_and_run(port, tmp_path):
    assert mpremote(port, "exec", "import sys; print(sys.implementation.name)").strip() == "micropython"
    script = tmp_path / "script.py"
    script.write_text("import machine\nprint(machine.reset_cause() == machine.SOFT_RESET)\n")
    assert mpremote(port, "run", str(script)).strip() == "True"


def test_files_go_there_and_back(port, tmp_path):
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(100_000))
    mpremote(port, "fs", "cp", str(there), ":blob")
    mpremote(port, "fs", "cp", ":blob", str(back))
    assert back.read_bytes() == there.read_bytes()
    mpremote(port, "fs", "rm", ":blob")
    assert "blob" not in mpremote(port, "fs", "ls", ":")


def test_ctrl_c_stops_a_running_program(port, tmp_path):
    script = tmp_path / "loop.py"
    script.write_text("import time\nprint('started')\nwhile True:\n    time.sleep_ms(1)\n")
    with subprocess.Popen(
        [BIN / "mpremote", "connect", port, "run", script], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"started"
        process.send_signal(signal.SIGINT)
        process.wait(10)
    assert mpremote(port, "exec", "print(1 + 1)").strip() == "2"


def test_soft_reset_loses_variables_and_keeps_files(port):
    mpremote(port, "exec", "x = 1; open('/kept', 'w').close()")
    mpremote(port, "soft-reset")
    assert mpremote(port, "exec", "print('x' in globals())").strip() == "False"
    assert "kept" in mpremote(port, "fs", "ls", ":")
