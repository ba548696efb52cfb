"""Power cuts on whole virtual boards: the SPL, the app out of its slot, a broker, the download over TLS.

Slow, so at a few points only: they show that what the exhaustive part leaves out makes no difference.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho

from tests.network import lab
from tests.powercut.scenarios import SCENARIOS, SETTINGS, VERSIONS, Material, make
from tests.powercut.workers import Outcome
from tools import release
from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard
from wire import frel, topics

OLD, NEW, NEXT = VERSIONS["app"]
RATE = 16.0  # the boards' waits, against real time
PATIENCE_S = 90
# operations of a start, about: while it downloads and installs, and while it is on trial. One too high is none.
SPANS = (600, 20)


@dataclass(frozen=True)
class Cut:
    """In start `start` (0: downloads, 1: on trial), `share` of its flash operation `operation`."""

    start: int
    operation: int
    share: float


def draw(count: int, seed: int) -> list[Cut]:
    choice = random.Random(seed)
    starts = [number % 4 == 3 for number in range(count)]
    return [Cut(int(start), choice.randrange(SPANS[start]), choice.choice((0, 0.5))) for start in starts]


class Cloud:
    """The broker's other side: offers a job to a device, and notes how it ended."""

    def __init__(self, authority: lab.Authority, port: int) -> None:
        self._jobs: dict[str, dict] = {}
        self._ended: dict[tuple[str, str], tuple[str, threading.Event]] = {}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.tls_set(*authority.client_files())
        self._client.on_message = self._on_message
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("fieldrec/v1/+/jobs/#", 1)
        ready.wait(10)

    def offer(self, device: str, path: Path, url: str) -> None:
        told = release.inspect(path)
        version = told["manifest"]["version"]
        self._jobs[device] = {
            "v": 1, "job": version, "kind": "app", "release": f"fieldrec {version}", "version": version,
            "digest": told["digest"], "url": url, "forced": False,
        }  # fmt: skip
        self._ended[device, version] = ("", threading.Event())
        self._notify(device)

    def wait(self, device: str, version: str) -> str:
        """How the job ended, "" if it has not."""
        self._ended[device, version][1].wait(PATIENCE_S)
        return self._ended[device, version][0]

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        device, name = topics.parse(message.topic)
        if device not in self._jobs or name == "jobs/notify":
            return
        if name == "jobs/get":
            self._notify(device)
            return
        said, job = json.loads(message.payload), message.topic.split("/")[-2]
        if said["status"] in topics.ENDED and (device, job) in self._ended:
            event = self._ended[device, job][1]
            self._ended[device, job] = (f"{said['status']} {said['step']} {said['detail']}".strip(), event)
            event.set()

    def _notify(self, device: str) -> None:
        self._client.publish(f"fieldrec/v1/{device}/jobs/notify", json.dumps(self._jobs[device]), 1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Yard:
    """Boards, a broker and a release server, all in one folder."""

    def __init__(self, folder: Path, authority: lab.Authority, port: int, url: str) -> None:
        self._folder, self._authority, self._port, self._url = folder, authority, port, url
        self.made = make(SCENARIOS["app"], folder / "made", whole=True)
        self.cloud = Cloud(authority, port)

    def cut(self, cut: Cut, device: str) -> Outcome:
        """Update a board, cut its power, see it come back, update it again."""
        outcome = Outcome((device, cut.start, cut.operation, cut.share))
        place = self._folder / device
        files = self.made.files | self._identity(device)
        board = VirtualBoard.create(place, files, real=True, rate=RATE)
        live = LiveBoard(board)
        try:
            self._update(live, device, cut, outcome)
        except (TimeoutError, Broken) as error:
            outcome.bricked, outcome.said = str(error), board.lines[-25:]
        finally:
            live.close()
        if not outcome.bricked:
            outcome.bricked = _differences(board.read_flash(), files, self.made)
        shutil.rmtree(place)
        return outcome

    def _update(self, live: LiveBoard, device: str, cut: Cut, outcome: Outcome) -> None:
        board, starts = live.board, itertools.count()

        def aim(_cause: str) -> None:
            board.cut = [cut.operation, cut.share] if next(starts) == cut.start else None

        board.on_boot = aim
        self.cloud.offer(device, self.made.releases["app", NEW], f"{self._url}/{NEW}")
        live.do("set_link", True)
        live.do("hold", "USB")
        live.power_on()
        live.wait_for(lambda b: b.power == "dead" or _confirmed(b), PATIENCE_S, "the cut")
        board.on_boot = None
        if board.power != "dead":
            live.cut_power()  # it was too late for one in an operation
        seen = len(board.lines)
        live.power_on()
        chosen = live.wait_line("spl: slot", PATIENCE_S, seen)
        outcome.ran = "old" if chosen.split()[3] == OLD else "new"
        for version in (NEW, NEXT):
            if version == NEXT:
                self.cloud.offer(device, self.made.releases["app", NEXT], f"{self._url}/{NEXT}")
            ended = self.cloud.wait(device, version)
            if ended != "SUCCEEDED confirmed":
                raise Broken(f"{version} ended {ended or 'not at all'}")

    def _identity(self, device: str) -> dict[str, bytes]:
        certificate, key = self._authority.device(device)
        told = {"id": device, "board": "virtual", "cloud": "https://127.0.0.1:1"}
        return {
            "etc/device.json": json.dumps(told).encode(),
            "etc/mqtt.json": json.dumps({"host": "127.0.0.1", "port": self._port}).encode(),
            "etc/ca.der": self._authority.der,
            "etc/cert.der": certificate,
            "etc/key.der": key,
        }


class Broken(Exception):
    """An update did not end as it should; the text says how."""


def _confirmed(board: VirtualBoard) -> bool:
    return any(f"version {NEW} confirmed" in line for line in board.lines)


def _differences(found: dict[str, bytes], before: dict[str, bytes], made: Material) -> str:
    """What is wrong with a flash that should hold NEXT, and all that was there before; or nothing."""
    record = json.loads(found["boot.json"].split(b"\n")[0])
    slot = record["active"]
    payload = release.read(made.releases["app", NEXT]).payload
    files = release.inspect(made.releases["app", NEXT])["manifest"]["files"]
    expected = {f"{slot}/{f['path']}": payload[f["offset"] : f["offset"] + f["size"]] for f in files}
    loose = ("boot.json", "etc/keyring.json", "etc/roots.json")
    expected |= {
        path: content
        for path, content in before.items()
        if path[:2] not in ("a/", "b/") and path not in loose
    }
    wrong = sorted(path for path in expected if found.get(path) != expected[path])
    strangers = {path for path in found if path.startswith(f"{slot}/")} - set(expected)
    wrong += sorted(strangers - {f"{slot}/{name}" for name in frel.RESERVED})
    if record["state"] != "confirmed" or record["security_floor"] != 3:
        wrong.append(f"boot record {record}")
    if json.loads(found["etc/settings.json"]) != SETTINGS:
        wrong.append("settings")
    return f"lost or changed: {', '.join(wrong)}" if wrong else ""


def run(folder: Path, cuts: list[Cut], jobs: int = 2) -> Iterator[Outcome]:
    """The outcome of each cut, on boards of their own, a few at a time."""
    (folder / "authority").mkdir(parents=True)
    authority = lab.Authority(folder / "authority")
    served: dict[str, bytes] = {}
    with (
        lab.broker(authority) as port,
        lab.WebServer(authority, lambda handler: handler.reply_range(served[handler.path])) as server,
    ):
        yard = Yard(folder, authority, port, server.url)
        served.update({f"/{version}": path.read_bytes() for (_, version), path in yard.made.releases.items()})
        try:
            with ThreadPoolExecutor(jobs) as pool:
                devices = [f"dev-{number:04}" for number in range(len(cuts))]
                yield from pool.map(yard.cut, cuts, devices)
        finally:
            yard.cloud.close()
