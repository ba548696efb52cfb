"""What a process counts of itself. The fleet's numbers, which are rows, are in cloud/observe/fleet.py."""

import asyncio
import time
from collections import deque
from typing import Any

from prometheus_client import Counter, Histogram

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)

REQUESTS = Histogram(
    "fieldrec_http_request_seconds",
    "Requests, from the first byte to the last of the answer",
    ("service", "method", "route", "status"),
    buckets=_QUICK,
)
MESSAGES = Counter("fieldrec_messages", "Messages of devices that were committed", ("client", "name"))
UNFIT = Counter("fieldrec_messages_unfit", "Messages of devices that could not be taken", ("name",))
LAG = Histogram(
    "fieldrec_ingest_lag_seconds",
    "From the arrival of the oldest message of a batch to its commit",
    ("client",),
    buckets=_QUICK,
)
BATCH = Histogram(
    "fieldrec_batch_messages",
    "Messages committed at once",
    ("client",),
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
NOT_COMMITTED = Counter("fieldrec_commit_failures", "Batches that have to be tried again", ("client",))
REPORTS = Counter("fieldrec_job_reports", "What devices said of jobs, as committed", ("status",))
UPDATE = Histogram(
    "fieldrec_update_seconds",
    "Time to update: from the making of a job to its success, the time offline included",
    ("kind",),
    buckets=_LONG,
)
TOLD = Counter("fieldrec_notifications", "Devices told of a job, or that they have none", ("result",))
TICK = Histogram("fieldrec_tick_seconds", "Ticks of the campaigns' scheduler", buckets=_QUICK)
NO_TICK = Counter("fieldrec_ticks_failed", "Ticks that came to nothing")


class Arrivals(asyncio.Queue):
    """A queue that knows when what was taken last had come; in seconds of time.monotonic()."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._came: deque[float] = deque()
        self.last_came = time.monotonic()

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._came.append(time.monotonic())

    def _get(self) -> Any:
        self.last_came = self._came.popleft()
        return super()._get()


def topic_of(name: str) -> str:
    """`jobs/7/update` as `jobs/+/update`: a label has few values."""
    parts = name.split("/")
    return "/".join((parts[0], "+", *parts[2:])) if len(parts) == 3 or parts[0] == "commands" else name
