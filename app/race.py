"""Tasks that belong together: when one ends, all do."""

import asyncio


async def race(**named):
    """Run the coroutines until one ends, cancel the rest; (its name, its exception or None)."""
    ended = asyncio.Event()
    first = []

    async def run(name, coroutine):
        error = None
        try:
            await coroutine
        except asyncio.CancelledError:
            return
        except Exception as exc:  # noqa: BLE001 - handed on to whoever started the race, by its name
            error = exc
        first.append((name, error))
        ended.set()

    tasks = [asyncio.create_task(run(name, coroutine)) for name, coroutine in named.items()]
    try:
        await ended.wait()
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            await _end_of(task)
    return first[0]


async def _end_of(task):
    try:
        await task
    except asyncio.CancelledError:
        return  # it was cancelled before it had begun
