"""asyncio's task queue in Python, and an I/O queue that lets the board's time pass.

The interpreter's own `_asyncio` reads the host's clock from C. Tasks here follow the same protocol with
`asyncio.core`: `state` is True while nobody awaits the task, a queue of waiters, or false once it is done.
"""

import sys

import sim
import time


class TaskQueue:
    """Tasks in order of their time (ticks), first come first served among equals."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = time.ticks_ms() if key is None else key
        i = len(self._tasks)
        while i and time.ticks_diff(self._tasks[i - 1].ph_key, task.ph_key) > 0:
            i -= 1
        self._tasks.insert(i, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False  # its result has been taken
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        self.state.push(_core.cur_task)
        _core.cur_task.data = self  # a cancel of the waiter goes on to what it waits for

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is _core.cur_task:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        queue = _core._task_queue
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif time.ticks_diff(task.ph_key, time.ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = _core.CancelledError
        return True


_core = None


def install():
    """Put these in the place of the interpreter's own, before anything of the board imports asyncio."""
    global _core
    sys.modules["_asyncio"] = sys.modules[__name__]
    import asyncio
    import asyncio.core as core

    class IOQueue(core.IOQueue):
        def wait_io_event(self, dt):
            sim.wait_io(self, dt)
            super().wait_io_event(0)

    _core = core
    core.IOQueue = IOQueue
    asyncio.new_event_loop()
