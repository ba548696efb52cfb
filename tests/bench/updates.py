"""What an update costs: heap, operations of the flash, bytes over the network; over a bad link, too."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.network import lab
from tests.network.lab import Authority
from tests.update.link_faults import Run
from tests.update.workshop import ReleaseServer, Workshop, content
from tools import release, release_build
from tools.release_build import PROJECT, TREES
from wire import dsse, frel

Row = tuple[str, str, str, str]

_SCRIPT = PROJECT / "tests/bench/device_updates.py"
HEAP_KIB = 192
_PAGE = 256
_RECORD = 200  # bytes of a boot record, about
OLD = {f"app/part{number:02}.mpy": content(5000, number) for number in range(30)}
NEW = {f"app/part{number:02}.mpy": content(5000, 100 + number) for number in range(30)}
_DOWNLOADS = 100


@dataclass
class Cost:
    """What one update took, beside the least that it could take.

    That is, for each chunk that the spare slot does not hold, for manifest, seal and boot record: their blocks erased,
    their pages programmed.
    """

    fetched: int
    operations: int
    least: int
    programmed: int
    least_programmed: int


def measure() -> Iterator[Row]:
    """updating"""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        whole = bench.release(NEW)
        yield from _flash_rows("150 KB, all of it new", bench.cost(whole, OLD, {}))
        yield bench.heap_row(whole)
        old, new = bench.builds()
        running = _files(old)
        changed = bench.cost(new, running, running)
        yield from _flash_rows("a changed line", changed)
        size = new.stat().st_size
        yield (
            "bytes fetched for a changed line",
            f"{changed.fetched}",
            f"the whole release: {size}",
            f"{changed.fetched / size:.3f}",
        )
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), seed=1)
        for _ in run.batches(_DOWNLOADS):
            pass
        lost = sum(run.faults().values())
        yield (
            f"bytes fetched by {_DOWNLOADS} updates, {lost} faults, {len(run.wrong())} wrong ends",
            f"on the wire {run.wire_over_needed():.2f}",
            "bytes needed, where the link alone failed",
            f"{run.fetched_over_needed():.4f}",
        )


def _flash_rows(what: str, cost: Cost) -> Iterator[Row]:
    yield (
        f"flash operations: {what}",
        f"{cost.operations}",
        f"the least: {cost.least}",
        f"{cost.operations / cost.least:.2f}",
    )
    yield (
        f"bytes programmed: {what}",
        f"{cost.programmed}",
        f"what changes: {cost.least_programmed}",
        f"{cost.programmed / cost.least_programmed:.2f}",
    )


class Bench:
    """Devices on a littlefs of their own, and releases for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "workshop").mkdir()
        self.workshop = Workshop(folder / "workshop")
        self.authority = Authority(folder)
        for tree in ("app", "bootloader", "wire"):
            for path in (PROJECT / tree).glob("*.py"):
                _compile(path, folder / "mpy")
        self.script = lab.compile_script(_SCRIPT, folder / "mpy")

    def release(self, contents: dict[str, bytes]) -> Path:
        return self.workshop.release(contents, version="1.1.0")

    def builds(self) -> tuple[Path, Path]:
        """This tree, and this tree with a line changed."""
        source = self.folder / "source"
        for tree in TREES:
            shutil.copytree(PROJECT / tree, source / tree)
        key = self.workshop.keys / "release.pem"
        old = release.build("1.0.0", ["virtual"], self.folder, source)
        path = source / "app/gestures.py"
        text = path.read_text()
        path.write_text(text.replace("_CUE_MS = const(60)", "_CUE_MS = const(50)"))
        assert path.read_text() != text
        new = release.build("1.0.1", ["virtual"], self.folder, source)
        for built in (old, new):
            release.sign(built, key)
        return old, new

    def cost(self, path: Path, running: dict[str, bytes], spare: dict[str, bytes]) -> Cost:
        self._make(path, running, spare)
        said = self._update(path, "1M")
        new = _files(path)
        chunks = [len(new[name][at : at + frel.CHUNK]) for name, at in _changed(new, spare)]
        chunks += [
            len(dsse.parse(release.read(path).envelope)[1]),
            frel.HASH_SIZE,
            _RECORD,
        ]  # manifest, seal, record
        operations = said["erased"] + said["programs"]
        least = sum(-(-size // frel.CHUNK) + -(-size // _PAGE) for size in chunks)
        return Cost(said["fetched"], operations, least, said["bytes"], sum(chunks))

    def heap_row(self, path: Path) -> Row:
        """Found by trying: a heap is enough if the update comes to its end in it. Objects are twice a board's size."""
        least = next((kib for kib in range(HEAP_KIB - 64, 512, 4) if self.fits(path, kib)), 512)
        fits = "" if least <= HEAP_KIB else "DOES NOT FIT: "
        what = "smallest heap for a 150 KB app update, network loaded"
        return what, f"{least} KiB", f"{fits}{HEAP_KIB} KiB", f"{least / HEAP_KIB:.2f}"

    def fits(self, path: Path, heap_kib: int) -> bool:
        self._make(path, OLD, {})
        try:
            self._update(path, f"{heap_kib}K")
        except subprocess.CalledProcessError:
            return False  # with a larger one it has worked, so it is the heap
        return True

    def _make(self, path: Path, running: dict[str, bytes], spare: dict[str, bytes]) -> None:
        """A device with these files in its slots, as an image. `path`: a release signed by a key that it has met."""
        root = self.folder / "device"
        shutil.rmtree(root, ignore_errors=True)
        device = self.workshop.device(root, running)
        (root / "etc/ca.der").write_bytes(self.authority.der)
        if spare:
            device.fill("b", release.read(self.workshop.release(spare)))
        envelope = self.folder / "envelope"
        envelope.write_bytes(release.read(path).envelope)
        self._python("8M", "make", root, envelope)

    def _update(self, path: Path, heap: str) -> dict:
        with ReleaseServer(self.authority, path) as server:
            job = {"url": server.url + "/release", "digest": server.digest, "forced": False, "kind": "app"}
            versions = {"app": "1.0.0", "runtime": "1.29.0"}
            (self.folder / "options.json").write_text(json.dumps({"versions": versions, "job": job}))
            return json.loads(self._python(heap, self.folder / "options.json"))

    def _python(self, heap: str, *arguments: object) -> str:
        image = self.folder / "flash.img"
        command = lab.device_command(self.script, image, *arguments, heap=heap)
        env = lab.device_environment(str(self.folder / "mpy"))
        return subprocess.run(
            command, env=env, cwd=self.folder, check=True, capture_output=True, text=True, timeout=120
        ).stdout


def _compile(path: Path, folder: Path) -> None:
    """Into its place under `folder`, the bytecode that a release has of it."""
    name = path.relative_to(PROJECT).as_posix()
    target = (folder / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(release_build.content(path, name))


def _files(path: Path) -> dict[str, bytes]:
    built = release.read(path)
    files = json.loads(dsse.parse(built.envelope)[1])["files"]
    return {file["path"]: built.payload[file["offset"] : file["offset"] + file["size"]] for file in files}


def _changed(new: dict[str, bytes], spare: dict[str, bytes]) -> Iterator[tuple[str, int]]:
    """(file, offset) of the chunks that the spare slot does not hold."""
    for name, data in new.items():
        for at in range(0, len(data), frel.CHUNK):
            part = slice(at, at + frel.CHUNK)
            if data[part] != spare.get(name, b"")[part]:
                yield name, at
