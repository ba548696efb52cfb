"""Records, then cuts power at writes to the card, repairs, and tells what became of it: a line of JSON a point.

argv: a folder with the board's flash.img and the camera's *.jpg in jpg/ (or none), seconds to record, and a file with
the points, [[write, how it is torn], ...] in order; "all" for the sizes of the writes. Runs on the virtual board's rom.
"""

import asyncio
import binascii
import io
import json
import sys
from time import ticks_ms

from tests.powercut.device_setup import whole  # first: it is the board's power-up, too

# isort: split
import machine
import sim  # type: ignore[import-not-found]
import vfs

from app import avi, config, recorder, repair, session, unfinished, wav  # noqa: F401  # the host's files are out of sight later
from app.settings import Settings
from board import camera, fat, microphone, parts, storage  # noqa: F401
from board.virtual import pins  # noqa: F401
from tests.powercut import device_flash
from tests.recording.device_card import Card
from tests.recording.device_check import Wrong, check

_CARD_BYTES = 24 << 20
_host = vfs.VfsPosix("/")  # type: ignore[attr-defined]


class _Log:
    def __init__(self):
        self.lines: list = []

    def info(self, text):
        self.lines.append(text)

    warning = info


class _Safety:
    vbat_mv = 3900


class App:
    """What the recorder has of an app.main.App."""

    def __init__(self):
        self.board = parts.load("virtual")
        self.log = _Log()
        self.settings, self.safety = Settings(self.log), _Safety()

    def recording_failed(self, text):
        raise Wrong(text)


def _mount(card):
    vfs.mount(vfs.VfsFat(card), "/sd")  # type: ignore[abstract]


async def _record(app, seconds, marks):
    mine = recorder.Recorder(app)
    mine.start("normal", "dev-0001", {"app": "1.0.0"})
    marks["folder"], marks["start_us"] = mine.folder, sim.world.now_us
    await asyncio.sleep(seconds / 2)
    mine.bookmark(ticks_ms())
    await asyncio.sleep(seconds / 2)
    marks["end_us"] = sim.world.now_us
    mine.stop()


class Worker:
    def __init__(self, folder, seconds):
        self._out = folder
        self._frames = set()
        if sim.world.frames:
            pictures = vfs.VfsPosix(sim.world.frames)  # type: ignore[attr-defined]
            for name, *_ in pictures.ilistdir("/"):
                with pictures.open("/" + name, "rb") as file:
                    self._frames.add(binascii.crc32(file.read()))
        device_flash.mount()
        self._card, self._done = Card(_CARD_BYTES), 0
        self._marks: dict = {}
        vfs.VfsFat.mkfs(self._card)  # type: ignore[arg-type]
        self._card.log.clear()
        self._card.base()
        _mount(self._card)
        asyncio.run(_record(App(), seconds, self._marks))
        vfs.umount("/sd")
        self._log = self._card.log
        self._card.log = []
        self._card.restore()
        self._told = set()

    def sizes(self):
        return [len(data) // 512 for _, data, _ in self._log]

    def cut(self, number, how):
        """What is there after a cut in that write and a repair. Runs differ by a few writes."""
        number = min(number, len(self._log) - 1)
        self._card.replay(self._log[self._done : number])
        self._card.base()
        self._done = number
        self._card.tear(self._log[number], how)
        told = {"point": [number, how], "wrong": "", "lost_ms": 0, "files": []}
        try:
            told["lost_ms"] = self._cut(self._log[number][2], told)
        except Wrong as error:
            told["wrong"] = str(error)
        except Exception as error:  # noqa: BLE001  # whatever a repair raises is a find
            text = io.StringIO()
            sys.print_exception(error, text)
            told["wrong"] = text.getvalue()
        self._card.log.clear()
        self._card.restore()
        return told

    def _cut(self, now_us, told):
        folder, log = self._marks["folder"], _Log()
        had_ms = max(0, min(now_us, self._marks["end_us"]) - self._marks["start_us"]) // 1000
        unfinished.add(folder)
        storage.mend(self._card, unfinished.folders())
        _mount(self._card)
        try:
            asyncio.run(repair.repair_all("/sd", None, log))
            if unfinished.folders():
                raise Wrong(f"{unfinished.folders()} {log.lines}")
            self._record_again()
            self._look_at_clusters()
            if not config.exists(folder + "/session.json"):
                return had_ms
            length_ms, about = check(folder, self._frames)
            told["files"] = [self._show(folder, each) for each in about["segments"]]
        finally:
            unfinished.remove(folder)
            vfs.umount("/sd")
        return had_ms - length_ms

    def _record_again(self):
        """Another session can be begun."""
        session.Session("/sd", {"device": "dev-0001"}, 20).close()

    def _look_at_clusters(self):
        """No cluster belongs to two files."""
        table, seen = fat.Fat(self._card), set()
        (base,) = [first for name, _, first in table.entries(table.root) if name == "REC"]
        for name, kind, first in list(table.entries(base)):
            for file, _, start in list(table.entries(first)) if kind & 0x10 else []:
                for cluster in table.chain(start):
                    if cluster in seen:
                        raise Wrong(f"{name}/{file} shares cluster {cluster}")
                    seen.add(cluster)
        if table.cuts:
            raise Wrong("a chain leads to a free cluster")

    def _show(self, folder, each):
        """Put a segment where the host finds it, once each; its name there."""
        name = each["sha256"][:16] + each["name"][-4:]
        if name not in self._told:
            self._told.add(name)
            shown = _host.open(self._out + "/" + name, "wb")
            with open(folder + "/" + each["name"], "rb") as source:
                while data := source.read(65536):
                    shown.write(data)
            shown.close()
        return name


def main(folder, seconds, points):
    machine._power_up()  # type: ignore[attr-defined]
    flash = machine._images["flash.img"]  # type: ignore[attr-defined]
    machine._images["flash.img"] = io.BytesIO(whole(flash))  # type: ignore[attr-defined]  # others use the file
    wanted = None
    if points != "all":
        with open(points) as file:
            wanted = json.load(file)
    worker = Worker(folder, int(seconds))
    print("\x1e" + json.dumps({"writes": worker.sizes()}))
    for number, how in wanted or []:
        print("\x1e" + json.dumps(worker.cut(number, how)))


if __name__ == "__main__":
    main(*sys.argv[1:])
