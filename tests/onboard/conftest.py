"""Virtual boards at a serial port, in real time that hurries where it waits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud_fixtures import cloud
from tools.board import flash
from tools.board.link import LinkError, connected
from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard

__all__ = ["cloud"]  # a fixture, for the tests here
RATE = 20
BOOT_S = 15


@contextmanager
def at_port(folder: Path, files: Mapping[str, bytes]) -> Iterator[LiveBoard]:
    """A board with `files` on its flash, a USB host, and its port at FOLDER/port."""
    board = VirtualBoard.create(folder / "board", files, real=True, rate=RATE)
    with LiveBoard(board, folder / "port") as live:
        live.do("schedule", board.now_us, "USB", True)
        live.power_on()
        yield live


def power_cycle(live: LiveBoard) -> int:
    """Pull the cable, which is all the power it has, and put it in again; the number of lines so far.

    The board is at its REPL, where the interpreter waits in C and hears no order: it is killed.
    """
    live._call(live.board.close)
    start = len(live.board.lines)
    live.power_on()
    return start


def flash_all(port: Path, order: flash.Order) -> flash.Flashed:
    with connected(port) as link:
        done = flash.flash(link, order)
        link.restart("IDLE")
    return done


def stop_after(link, calls: int) -> None:
    """The cable is pulled after so many commands to the board."""
    act, left = link._transport_does, iter(range(calls))

    def act_or_lose(what):
        if next(left, None) is None:
            raise LinkError("the cable was pulled")
        return act(what)

    link._transport_does = act_or_lose


@pytest.fixture
def order(first_release) -> flash.Order:
    return flash.Order("rec-0001", "virtual", first_release.parent / "keys", first_release)


@pytest.fixture
def new_board(tmp_path) -> Iterator[LiveBoard]:
    """MicroPython and nothing else."""
    with at_port(tmp_path, {}) as live:
        yield live


@pytest.fixture
def device(tmp_path, flash_files) -> Iterator[LiveBoard]:
    """One that was flashed, and idles."""
    with at_port(tmp_path, flash_files) as live:
        live.wait_line("state IDLE", BOOT_S)
        yield live
