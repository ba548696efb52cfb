"""Background tasks that don't die in silence, and that end when they are told to."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

CANCEL_AGAIN_S = 0.5

log = logging.getLogger(__name__)


@asynccontextmanager
async def background(work: Coroutine, name: str) -> AsyncIterator[asyncio.Task]:
    """`work` runs while this lasts."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    try:
        yield task
    finally:
        # More than once: before Python 3.12 asyncio.wait_for, which libraries use, can swallow a cancellation
        # (CPython's gh-86296).
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_AGAIN_S)


def _report(task: asyncio.Task) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("the %s died", task.get_name(), exc_info=error)
