"""A request never disturbs a recording, and the page's memory is bounded and given back."""

import collections
import itertools
import json
import os
import subprocess
import threading
import time

import httpx

from tests.conftest import ROOT
from tests.page.conftest import PIN, Client, Device, made
from tools import release
from tools.virtual.interpreter import MICROPYTHON

CLIENTS = 20
PATHS = ["/", "/page.js", "/api/status", "/api/settings", "/api/recordings", "/api/log", "/api/firmware", ""]
SECONDS = 3
RATE = 2  # two seconds of sound in each
HEAP = "512K"  # of objects twice as large as a board's, and the simulation in it
PAUSE_S = 0.05  # after an answer that was none, as the page itself makes


def test_twenty_clients_during_a_recording(tmp_path, flash_files):
    tally: collections.Counter = collections.Counter()
    settings = {"wifi_on": False, "segment_s": 10, "pre_event_s": 0}
    with made(tmp_path / "board", flash_files, rate=RATE, heap=HEAP, **settings) as device:
        device.open_page()
        with device.client() as client:
            client.sign_in(PIN)
            device.hold("PWR_SW2", 1200, "recording ")
            name = newest(client)
            load(device, dict(client.cookies), client.csrf, tally)
            during = client.get("/api/status").json()
            assert client.get(f"/api/recordings/{name}").status_code == 409  # it goes on
        assert during["recording_s"] >= RATE * SECONDS - 2
        assert during["counters"]["overruns"] == during["counters"]["overrun_ms"] == 0
        assert tally[200] > 2 * CLIENTS and set(tally) <= {200, 503, "closed"}, tally
        assert len(device.board.boots) == 1
        assert not [line for line in device.board.lines if "MemoryError" in line or "Traceback" in line]


def newest(client: httpx.Client) -> str:
    """The name of the recording that goes on."""
    return client.get("/api/recordings").json()["recordings"][-1]["name"]


def load(device: Device, cookies: dict, csrf: str, tally: collections.Counter) -> None:
    """All clients ask for all there is, as fast as they can."""
    end = time.monotonic() + SECONDS
    lock = threading.Lock()

    def ask(number: int) -> None:
        with Client(base_url=device.board.page_url, timeout=10, cookies=cookies) as client:
            client.csrf = csrf
            for turn in itertools.count(number):
                if time.monotonic() >= end:
                    return
                status = one(client, turn)
                with lock:
                    tally[status] += 1
                if status != 200:
                    time.sleep(PAUSE_S)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one(client: Client, turn: int) -> int | str:
    """The status of one request, or that the connection was closed."""
    path = PATHS[turn % len(PATHS)]
    try:
        answer = client.get(path) if path else client.say("settings", name="segment_s", value=10)
    except httpx.TransportError:
        return "closed"
    return answer.status_code


def test_the_page_is_loaded_while_it_is_open_only(tmp_path, first_release):
    release.unpack(first_release, tmp_path, os.urandom(32))
    env = {**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT}:.frozen"}
    command = [*MICROPYTHON, "-X", "heapsize=1M", str(ROOT / "tests/page/device_heap.py")]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert not run.returncode, run.stdout + run.stderr
    measured = json.loads(run.stdout)
    # of an interpreter of 64 bits: a board's objects are half as large
    assert measured["open"] < 64_000 and measured["left_again"] < 12_000, measured
    assert abs(measured["left_again"] - measured["left"]) < 2_000, measured  # it does not grow
