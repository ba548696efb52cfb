"""/main.py of a board in these tests: the SPL and the device's own update, without a network.

/life.json: {"releases": [[file, kind, digest]...], to be installed one after the other, "verdict": "good", or why the
self-test fails}. Each start prints what it did; the last one turns the board off.
"""

import asyncio
import gc
import json

from bootloader import bootctl, start


def run():
    if not start.prepare():
        start.recovery()
        return
    from board.watchdog import Watchdog

    watchdog = Watchdog()
    start.hand_over("/" + start.slot)
    asyncio.run(live(watchdog))


async def live(watchdog):
    from board.parts import load

    board = load("virtual")
    gc.threshold(-1)  # as app.main, when all is loaded
    with open("/life.json") as file:
        told = json.load(file)
    feeding = asyncio.create_task(feed(watchdog))
    record = bootctl.load()
    print("runs", board.runtime.label, board.runtime_version(), bootctl.on_trial(record))
    if bootctl.on_trial(record):
        await judge(board, told["verdict"])
        record = bootctl.load()
    digests = [""] + [digest for _, _, digest in told["releases"]]
    done = digests.index(record["release"])
    if done < len(told["releases"]):
        await install(board, *told["releases"][done])
    print("settled:", json.dumps([board.runtime.label, record["reason"], record["runtime_floor"]]))
    feeding.cancel()
    board.power.off()


async def feed(watchdog):
    while True:
        watchdog.feed()
        await asyncio.sleep_ms(1000)


async def judge(board, verdict):
    from app import trial

    async def check(subject):
        await asyncio.sleep_ms(6000)
        return None if verdict == "good" else verdict

    runtime, checks = board.runtime, (("life", check),)
    print("judged:", await trial.judge(None, 1, Cloud(), reset(board), "", checks, runtime))


async def install(board, path, kind, digest):
    from app import update
    from app.outcomes import Refused

    versions = {"app": start.version, "runtime": board.runtime_version()}
    device = update.Device(
        "virtual", versions, start.slot, Cloud().defer_reason, bytearray(4096), "", board.runtime
    )
    job = {"url": path, "digest": digest, "forced": False, "kind": kind}
    try:
        done = await update.install(device, job, Files(), None, print)
    except Refused as error:
        print("Refused:", error)
        board.power.off()
    print("installed:", json.dumps([done.slot, done.bytes_fetched, done.chunks, done.chunks_reused]))
    reset(board)("update")


def reset(board):
    def now(reason):
        print("resets:", reason)
        board.memory.update(state="IDLE")
        board.power.reset()

    return now


class Cloud:
    """What the trial tells, and asks for."""

    def tell(self, status, step, progress_pct=0, detail=""):
        print("tells", status, step)

    def defer_reason(self):
        return None


class Files:
    """Stands for app/http.Client: a release on the board's own flash."""

    body_bytes = 0

    async def get_range(self, url, start, end):
        return Body(self, url, start)

    async def close(self):
        return


class Body:
    def __init__(self, client, path, at):
        self._client, self._file = client, open(path, "rb")  # noqa: SIM115 - closed by `end`
        self._file.seek(at)

    async def readinto(self, view):
        came = self._file.readinto(view)
        self._client.body_bytes += came
        return came

    async def end(self):
        self._file.close()


guarded(run)  # type: ignore[name-defined]  # noqa: F821 - boot.py's
