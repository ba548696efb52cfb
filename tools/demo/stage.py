"""What the demo plays on: a cloud and three virtual boards, all in one temporary folder."""

from __future__ import annotations

import json
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

from cloud.processes import Cloud
from tools import firmware, keys, release, signin
from tools.release_build import PROJECT, TREES
from tools.release_publish import publish
from tools.service import Where, opened
from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard

IDS = ("dev-0001", "dev-0002", "dev-0003")


class RowFailed(Exception):
    """A row of the demo does not hold; the text says why."""


class Stage:
    """`say` shows what is being done; `speed` is how much faster than real time the boards' clocks run."""

    def __init__(self, folder: Path, speed: float, say: Callable[[str], None]):
        self.folder, self.speed, self.say = folder, speed, say
        self.keys = folder / "keys"
        self.boards: dict[str, VirtualBoard] = {}
        self.live: dict[str, LiveBoard] = {}
        keys.new(self.keys)
        self.cloud = Cloud(folder / "cloud", keys=self.keys, durable=False, progress=self._cloud_progress)

    def __enter__(self) -> Stage:
        self.cloud.__enter__()
        trusted = ssl.create_default_context(cafile=str(self.cloud.ca))
        bearer = {"Authorization": f"Bearer {self.cloud.admin_token}"}
        self.http = httpx.Client(verify=trusted, headers=bearer, timeout=30)
        return self

    def __exit__(self, *exc: object) -> None:
        for live in self.live.values():
            live.close()
        for board in self.boards.values():
            board.close()
        self.http.close()
        self.cloud.__exit__()

    def _cloud_progress(self, server: str, state: str) -> None:
        self.say(f"{server} {state}")

    def sign_in_link(self) -> str:
        """To the dashboard, as an administrator. It works once, for 15 minutes."""
        return signin.link(self.cloud.urls, self.cloud.ca, self.cloud.admin_token, "demo", "admin")

    # -- boards

    def make_boards(self) -> None:
        """Three boards with release 1.0.0 on their flash, each with a claim token of its own."""
        first = self.build("1.0.0")
        for i, device_id in enumerate(IDS):
            self.say(f"flashing {device_id}")
            identity = firmware.Identity(
                device_id, "virtual", self.keys, self.cloud.urls["registration"], firmware.der(self.cloud.ca),
                self.call("POST", "registration", "/v1/claims", {"device_id": device_id})["token"],
                {"wifi_ssid": "demo", "heartbeat_s": 10},
            )  # fmt: skip
            files = firmware.files(identity, first)
            self.boards[device_id] = VirtualBoard.create(self.folder / device_id, files, seed=i + 1)

    def go_live(self) -> None:
        """From here on the boards run in real time, each in a thread, with a USB host plugged in."""
        for device_id, board in self.boards.items():
            board.real, board.rate, board.utc_s = True, self.speed, int(time.time() - board.now_us / 1e6)
            board.do("set_link", True)
            board.do("hold", "USB")
            self.live[device_id] = LiveBoard(board)
            self.live[device_id].power_on()

    def wait_line(self, device_id: str, text: str, timeout_s: float, start: int = 0) -> str:
        try:
            return self.live[device_id].wait_line(text, timeout_s, start)
        except TimeoutError as error:
            raise RowFailed(f"{device_id}: {error}") from None

    def slot_files(self, device_id: str, slot: str) -> dict[str, bytes]:
        """What is on a slot, read from the flash of a board without power."""
        files = self.boards[device_id].read_flash()
        return {path: content for path, content in files.items() if path.startswith(slot + "/")}

    # -- releases

    def build(self, version: str, change: Callable[[Path], None] | None = None) -> Path:
        """Build and sign a release of this tree, with a change made to a copy of its sources."""
        source = PROJECT
        if change:
            source = self.folder / f"source-{version}"
            for tree in TREES:
                shutil.copytree(PROJECT / tree, source / tree)
            change(source)
        path = release.build(
            version, ["virtual"], self.folder / "releases", source, created="2026-01-01T00:00:00Z"
        )
        release.sign(path, self.keys / "release.pem")
        return path

    def publish(self, path: Path) -> dict:
        with opened(Where("ota", self.cloud.data)) as service:
            return publish(service, path)

    # -- the cloud

    def call(self, method: str, service: str, path: str, body: dict | None = None) -> dict:
        answer = self.http.request(method, self.cloud.urls[service] + path, json=body)
        if answer.status_code >= 400:
            raise RowFailed(f"{method} {path} answers {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    def query(self, statement: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.cloud.settings.postgres_url) as connection:
            return connection.execute(statement, values).fetchall()

    def campaign(self, digest: str, **more: Any) -> int:
        groups = [{"name": "canary", "count": 1}, {"name": "rest", "share": 1.0}]
        return self.call("POST", "ota", "/v1/campaigns", {"release": digest, "groups": groups, **more})["id"]

    def follow(self, campaign: int, timeout_s: float) -> Iterator[dict]:
        """The campaign each time that it changed, to its end."""
        last, until = "", time.monotonic() + timeout_s
        while time.monotonic() < until:
            now = self.call("GET", "ota", f"/v1/campaigns/{campaign}")
            if (seen := json.dumps(now, sort_keys=True)) != last:
                last = seen
                self.say(
                    f"campaign {campaign} {now['status']}: " + ", ".join(_job(job) for job in now["jobs"])
                )
                yield now
            if now["status"] not in ("RUNNING", "PAUSED"):
                return
            time.sleep(0.1)  # the interface has no notification yet
        raise RowFailed(f"campaign {campaign} did not end within {timeout_s} s: {last}")


def _job(job: dict) -> str:
    return f"{job['device']} {job['status']} {job['step'] or ''}".strip()
