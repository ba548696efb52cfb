"""`python -m tests.update.link_faults`: 500 downloads over links and from servers that fail, drawn by seed.

Each ends with the right bytes on trial, or with a clean error and nothing changed that runs; and is then done
over a good link. Bytes fetched are those of HTTP bodies that the device received; bytes needed are header,
envelope, index and the chunks that it had nowhere. TLS and HTTP heads are in the bytes on the wire only.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.progress import Progress

from tests.network import lab
from tests.network.lab import Authority, Handler, WebServer
from tests.update import server_faults
from tests.update.linkproxy import Fault, LinkProxy, Loop, drawn
from tests.update.workshop import OLD, Device, Workshop, content
from tools import release

SCRIPT = Path(__file__).with_name("device_downloads.py")
NEW = {**OLD, "app/main.mpy": content(11 * 4096 + 77, 70), "lib/added.mpy": content(4096, 71)}
FETCHED = 12 * 4096 + 77  # of the payload
BATCH = 50


@dataclass
class Download:
    """One of them. `link`: the faults are the link's; else they are the server's."""

    number: int
    link: bool
    device: Device
    before: dict[str, bytes]
    proxy: LinkProxy | None = None
    requests: int = 0
    outcome: dict = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What is wrong with how it ended, or ""."""
        first, *_ = self.outcome.get("first", ["nothing said"])
        last, *_ = self.outcome.get("then", [first])
        if last == "installed":
            wrong = self.device.files("b") != NEW or not self.device.sealed("b")
            return "installed, but not the right bytes" if wrong else ""
        if first == "Refused" and not self.link and self.device.untouchable() == self.before:
            return "" if not self.device.sealed("b") else "refused, but sealed"
        return f"ended with {self.outcome}"


class Run:
    """Devices, a server and a proxy for each, in one run of MicroPython."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        (folder / "workshop").mkdir()
        self.workshop = Workshop(folder / "workshop")
        self.authority = Authority(folder)
        (folder / "ca.der").write_bytes(self.authority.der)
        self.running = release.read(self.workshop.release(OLD))
        path = self.workshop.release(NEW, version="1.1.0")
        self.data, self.digest = path.read_bytes(), release.inspect(path)["digest"]
        self.needed = len(self.data) - sum(map(len, NEW.values())) + FETCHED
        self.downloads: list[Download] = []
        self.server_faults: Counter[str] = Counter()

    def batches(self, count: int) -> Iterator[list[Download]]:
        """Lists of downloads that have ended."""
        with WebServer(self.authority, self._serve) as server, Loop() as loop:
            for first in range(0, count, BATCH):
                lot = [self._download(number) for number in range(first, min(first + BATCH, count))]
                self.downloads += lot
                self._run(lot, server, loop)
                yield lot

    def _download(self, number: int) -> Download:
        device = Device(self.workshop, self.folder / f"device{number}", self.running)
        return Download(number, number % 5 < 3, device, device.untouchable())

    def _run(self, lot: list[Download], server: WebServer, loop: Loop) -> None:
        port = int(server.url.rpartition(":")[2])
        for download in lot:
            if download.link:
                download.proxy = LinkProxy(port, partial(self._fault, download.number))
                loop.run(download.proxy.start())
        plan = {"ca": str(self.folder / "ca.der"), "downloads": [self._told(each, server) for each in lot]}
        (self.folder / "plan.json").write_text(json.dumps(plan))
        by_number = {download.number: download for download in lot}
        command = lab.device_command(SCRIPT, self.folder / "plan.json", heap="4M")
        ran = subprocess.run(
            command, env=lab.device_environment(), capture_output=True, text=True, timeout=300
        )
        if ran.returncode:
            raise RuntimeError(f"the interpreter ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        for outcome in map(json.loads, ran.stdout.splitlines()):
            by_number[outcome["number"]].outcome = outcome
        for download in lot:
            if download.proxy:
                loop.run(download.proxy.stop())

    def _told(self, download: Download, server: WebServer) -> dict:
        through = f"https://127.0.0.1:{download.proxy.port}" if download.proxy else server.url
        versions = {"app": "1.0.0", "runtime": "1.29.0"}
        return {
            "number": download.number, "root": str(download.device.root), "digest": self.digest,
            "url": f"{through}/{download.number}", "clean_url": f"{server.url}/clean", "versions": versions,
        }  # fmt: skip

    def _fault(self, number: int, connection: int) -> Fault:
        return drawn(random.Random(f"{self.seed} {number} {connection}"), len(self.data))

    def _serve(self, handler: Handler) -> None:
        name = handler.path.strip("/").partition("?")[0]
        download = self.downloads[int(name)] if name.isdigit() else None
        fault = self._server_fault(download) if download and not download.link else None
        if fault:
            self.server_faults[fault.__name__] += 1
            fault(handler, self.data)
        else:
            handler.reply_range(self.data)

    def _server_fault(self, download: Download) -> Callable[[Handler, bytes], None] | None:
        """Each of them in turn for the first request of a download, then any, half of the time."""
        draw = random.Random(f"{self.seed} {download.number} {download.requests}")
        download.requests += 1
        if download.requests == 1:
            turn = download.number // 5 * 2 + download.number % 5 - 3
            return server_faults.FAULTS[turn % len(server_faults.FAULTS)]
        return draw.choice(server_faults.FAULTS) if draw.random() < 0.5 else None

    # -- what came of it

    def faults(self) -> Counter[str]:
        return sum((each.proxy.faults for each in self.downloads if each.proxy), self.server_faults)

    def wrong(self) -> list[str]:
        return [f"download {each.number}: {each.words}" for each in self.downloads if each.words]

    def ends(self) -> Counter[str]:
        return Counter(each.outcome["first"][0] for each in self.downloads if each.outcome)

    def fetched_over_needed(self) -> float:
        """Of the downloads over a bad link that came to their end on it."""
        over = [each for each in self.downloads if each.link and each.outcome["first"][0] == "installed"]
        return sum(each.outcome["fetched"] for each in over) / (self.needed * len(over))

    def wire_over_needed(self) -> float:
        """The same for the bytes on the wire to the device: handshakes, heads, and records lost half-way."""
        over = [each for each in self.downloads if each.proxy and each.outcome["first"][0] == "installed"]
        return sum(each.proxy.to_device for each in over if each.proxy) / (self.needed * len(over))

    def report(self) -> str:
        faults = ", ".join(f"{count} x {kind}" for kind, count in self.faults().most_common())
        ends = ", ".join(f"{count} {end}" for end, count in self.ends().most_common())
        return (
            f"{len(self.downloads)} downloads, seed {self.seed}: {ends}; wrong: {len(self.wrong())}\n"
            f"fetched over needed {self.fetched_over_needed():.4f}, on the wire {self.wire_over_needed():.3f}\n"
            f"faults: {faults}"
        )


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.update.link_faults")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--count", type=int, default=500)
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        run = Run(Path(folder), told.seed)
        task = progress.add_task("downloading", total=told.count)
        for lot in run.batches(told.count):
            progress.advance(task, len(lot))
        report = [run.report(), *run.wrong()]
    print(*report, sep="\n")
    return 1 if len(report) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
