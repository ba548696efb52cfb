"""The update job in work: taken from the cloud, kept in /data/job.json, reported until acknowledged.

    QUEUED -> IN_PROGRESS downloading, verifying, installed -> [reboot] -> trial -> SUCCEEDED confirmed
                   |                                                         `----> FAILED reverted
                   `-> REJECTED (not for this device), FAILED (could not be written)
    Put off, a job says why in `deferred`, QUEUED or IN_PROGRESS as it is.

A job of the action "back" brings the version of the spare slot back, without a download.
What the cloud's trace of the job is called is given back with each report.
A job that ended stays in the file: told of it again, the device says again how it ended, and does nothing.
"""

import asyncio
import json
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from app import config
from app.link import Backoff
from app.outcomes import Deferred, Failed, Interrupted, Refused, Withdrawn
from app.race import race
from app.telemetry import message
from bootloader import bootctl
from wire import topics

_PROGRESS_MS = const(5_000)  # at most one report of mere progress in that time
_DEFERRED_MS = const(30_000)
_ANSWER_MS = const(30_000)
_LAST_WORD_MS = const(10_000)  # for a report before a reboot
_MAX_WAIT_S = const(1800)  # before a download that is not yet begun: the cloud spreads them
_MAX_TEXT = const(200)

# what a notification must have beside "job"
_FIELDS = (("kind", str), ("release", str), ("version", str), ("digest", str), ("url", str), ("forced", bool))


def parse(payload):
    """The job of a jobs/notify message, None if there is none to do. ValueError if it is not one."""
    told = json.loads(payload)
    if type(told) is not dict or "job" not in told:
        raise ValueError("no job in it")
    if told["job"] is None:
        return None
    if type(told["job"]) is not str or not 0 < len(told["job"]) <= 64 or set("/+#") & set(told["job"]):
        raise ValueError("a job id that fits no topic")
    for name, kind in _FIELDS:
        if type(told.get(name)) is not kind:
            raise ValueError(f"{name} is missing or no {kind.__name__}")
    job = {name: told[name] for name in ("job", "kind", "release", "version", "digest", "url", "forced")}
    job["wait_s"] = wait_s if type(wait_s := told.get("wait_s")) is int and 0 < wait_s <= _MAX_WAIT_S else 0
    trace = told.get("trace")
    if type(trace) is str and len(trace) == topics.TRACE_CHARS:
        job["trace"] = trace
    if told.get("action") == "back":
        job.update(action="back", digest="back by job " + told["job"])  # what the boot record will call it
    return job


def after_boot(job, record):
    """(status, step, detail) that the boot record gives to the job kept, or None if it has no word on it."""
    if job["status"] in topics.ENDED:
        return None
    known = record["release"] == job["digest"]
    if known and bootctl.on_trial(record):
        return topics.IN_PROGRESS, "trial", ""
    if job["step"] not in ("installed", "trial"):
        return None  # the record tells of an earlier try of the same release
    if known and not record["reason"]:
        return topics.SUCCEEDED, "confirmed", ""
    return topics.FAILED, "reverted", record["reason"] or "the boot record was lost"


class Jobs:
    """`install(job, new_url, progress)` does the update, `reset(reason)` restarts."""

    def __init__(self, device_id, install, reset, log, root=""):
        self.unreadable = 0
        self._id, self._install, self._reset = device_id, install, reset
        self._log, self._path = log, root + "/data/job.json"
        self._job = config.read_json(self._path, None)  # what `parse` gives, and status, step, ..., told
        self._url = None
        self._start_ms = ticks_ms()
        self._mqtt = None
        self._reported_ms = ticks_ms()
        self._pause = Backoff(30_000, 900_000)
        self._changed, self._told = asyncio.Event(), asyncio.Event()
        self._wanted, self._answered, self._replaced = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def settle(self, record):
        """To be called once after boot: what became of the job."""
        found = after_boot(self._job, record) if self._job else None
        if found:
            status, step, detail = found
            self.tell(status, step, detail=detail)

    def tell(self, status, step, progress_pct=0, detail="", deferred=""):
        """Keep and report how the job stands. Nothing happens without a job."""
        if not self._job:
            return
        moved = (status, step) != (self._job["status"], self._job["step"])
        self._job.update(status=status, step=step, progress_pct=progress_pct, told=False)
        self._job.update(detail=detail[:_MAX_TEXT], deferred=deferred[:_MAX_TEXT])
        if moved:
            self._save()
        self._told.clear()
        self._changed.set()

    def on_notify(self, payload):
        """A message of the cloud; to be called by the MQTT client."""
        try:
            offered = parse(payload)
        except (ValueError, RuntimeError) as error:  # the latter: nested too deeply
            self.unreadable += 1
            self._log(f"jobs: a notification that can't be read: {error}")
            return
        self._url = offered and offered.pop("url")
        self._start_ms = ticks_add(ticks_ms(), 1000 * offered.pop("wait_s") if offered else 0)
        self._answered.set()
        self._take(offered)

    def _take(self, offered):
        """Make the offered job ours, or see that it is already."""
        job = self._job
        if offered and job and offered["job"] == job["job"]:
            if job["status"] in topics.ENDED:
                self.tell(job["status"], job["step"], job["progress_pct"], job["detail"])
        elif job and job["step"] in ("installed", "trial") and job["status"] not in topics.ENDED:
            self._log("jobs: what is installed is tried first")
            return
        elif offered or (job and job["status"] not in topics.ENDED):
            self._replace(offered)

    def _replace(self, offered):
        self._replaced.set()
        self._wanted.set()
        self._job = offered
        if offered:
            offered.update(status=topics.QUEUED, step="", progress_pct=0, detail="", deferred="", told=True)
        self._save()

    async def report(self, mqtt):
        """For ever: publish how the job stands when that has changed."""
        if self._job and not self._job["told"]:
            self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._publish(mqtt)
            if not self._changed.is_set():
                self._told.set()

    async def _publish(self, mqtt):
        job = self._job
        if not job or (job["status"] == topics.QUEUED and not job["deferred"]):
            return
        self._reported_ms = ticks_ms()
        said = {name: job.get(name, "") for name in ("status", "step", "progress_pct", "detail", "deferred")}
        if "trace" in job:
            said["trace"] = job["trace"]
        await mqtt.publish(topics.topic(self._id, f"jobs/{job['job']}/update"), message(**said))
        if job["status"] in topics.ENDED and job is self._job:
            job["told"] = True
            self._save()

    async def work(self, mqtt):
        """For ever: ask for a job, do it, wait for the next."""
        self._mqtt = mqtt
        if self._job and not self._job["told"]:
            await self._wait(self._told, _LAST_WORD_MS)  # the end of the last one first
        await self._ask()
        while True:
            self._wanted.clear()
            again_ms = await self._attempt()
            await self._wait(self._wanted, again_ms)

    async def _attempt(self):
        """Try the job, if there is one; how long until it should be tried again, None if not by itself."""
        if not self._job or self._job["status"] in topics.ENDED:
            return None
        if self._job["step"] == "installed":
            return await self._restart()
        if self._job["step"] == "trial" or not (self._url or self._job.get("action")):
            return None
        early_ms = ticks_diff(self._start_ms, ticks_ms())
        if early_ms > 0 and self._job["status"] == topics.QUEUED:
            return early_ms
        job = dict(self._job)
        job["url"] = self._url
        self._replaced.clear()
        trying = self._install(job, self._new_url, self._progress)
        _, error = await race(update=trying, replaced=self._replaced.wait())
        if self._replaced.is_set():
            return 0 if self._job else None
        return await self._conclude(error)

    async def _conclude(self, error):
        if error is None:
            return await self._restart()
        kind = type(error)
        if kind not in _CONCLUSIONS:
            raise error
        self._log(f"jobs: {kind.__name__}: {error}")
        return await _CONCLUSIONS[kind](self, str(error))

    async def _refuse(self, words):
        self.tell(topics.REJECTED, self._job["step"], self._job["progress_pct"], words)

    async def _fail(self, words):
        self.tell(topics.FAILED, self._job["step"], self._job["progress_pct"], words)

    async def _defer(self, words):
        """Said when it is new, and of a job that was begun each time."""
        job = self._job
        if job["status"] == topics.IN_PROGRESS or job.get("deferred") != words:
            self.tell(job["status"], job["step"], job["progress_pct"], deferred=words)
        return _DEFERRED_MS

    async def _interrupt(self, words):
        if self._job["status"] == topics.IN_PROGRESS:
            self.tell(topics.IN_PROGRESS, self._job["step"], self._job["progress_pct"], words)
        await self._wait(self._wanted, self._pause.pause_ms())
        await self._ask()
        return 0

    async def _withdraw(self, words):
        return None

    async def _restart(self):
        self._pause.reset()
        await self._wait(self._told, _LAST_WORD_MS)
        self._reset(f"update to {self._job['release']}")

    async def _ask(self):
        """Ask the cloud what is to be done, and wait for the answer, but not for ever."""
        self._answered.clear()
        await self._mqtt.publish(topics.topic(self._id, "jobs/get"), message())
        await self._wait(self._answered, _ANSWER_MS)

    async def _new_url(self):
        """A fresh URL for the job being done."""
        job = self._job
        await self._ask()
        if not self._answered.is_set():
            raise Interrupted("the cloud gave no new URL")
        if job is not self._job or not self._url:
            raise Withdrawn("the cloud has another job by now, or none")
        return self._url

    def _progress(self, step, pct):
        """What the update says of itself; mere progress is passed on now and then."""
        same = step == self._job["step"]
        if not same or ticks_diff(ticks_ms(), self._reported_ms) >= _PROGRESS_MS:
            self._reported_ms = ticks_ms()
            self.tell(topics.IN_PROGRESS, step, pct)

    async def _wait(self, event, timeout_ms):
        """Until the event is set, or the time is over (None: without end)."""
        if timeout_ms is None:
            await event.wait()
            return
        try:
            await asyncio.wait_for_ms(event.wait(), timeout_ms)
        except asyncio.TimeoutError:
            return

    def _save(self):
        config.make_folders(self._path)
        config.write_json(self._path, self._job)


_CONCLUSIONS = {
    Refused: Jobs._refuse,
    Failed: Jobs._fail,
    Deferred: Jobs._defer,
    Interrupted: Jobs._interrupt,
    Withdrawn: Jobs._withdraw,
}
