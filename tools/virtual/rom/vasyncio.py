"""asyncio's task queue in Python, and an I/O queue that lets the board's time pass.

The interpreter's own `_asyncio` reads the host's clock from C. Tasks and streams here follow the same protocol with
`asyncio.core`: `state` is True while nobody awaits the task, a queue of waiters, or false once it is done.
"""

import select
import sys
import time

import sim

_IOCTL_POLL = 3


class TaskQueue:
    """Tasks in order of their time (ticks), first come first served among equals."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = time.ticks_ms() if key is None else key
        tasks, key = self._tasks, task.ph_key
        i = len(tasks)
        while i and time.ticks_diff(tasks[i - 1].ph_key, key) > 0:
            i -= 1
        tasks.insert(i, task)

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


class IOQueue:
    """Who waits for which stream. The simulated ones are asked in Python; real sockets are polled."""

    def __init__(self):
        self.map = {}  # id of the stream -> [its reader, its writer, stream]
        self.sockets_waited = 0  # how many of them are sockets
        self.sockets = select.poll()

    def queue_read(self, stream):
        self._enqueue(stream, 0)

    def queue_write(self, stream):
        self._enqueue(stream, 1)

    def _enqueue(self, stream, role):
        entry = self.map.get(id(stream))
        if entry is None:
            entry = self.map[id(stream)] = [None, None, stream]
            self.sockets_waited += _is_socket(stream)
        if entry[role] is not None:
            raise RuntimeError("two tasks wait for the same stream")
        entry[role] = _core.cur_task
        _core.cur_task.data = self  # so that a cancel finds it
        if _is_socket(stream):
            self.sockets.register(stream, _events(entry))

    def remove(self, task):
        """A task that was cancelled waits no more."""
        for entry in list(self.map.values()):
            for role in (0, 1):
                if entry[role] is task:
                    self._release(entry, role)

    def _release(self, entry, role):
        stream = entry[2]
        entry[role] = None
        left = _events(entry)
        if not left:
            del self.map[id(stream)]
            self.sockets_waited -= _is_socket(stream)
        if _is_socket(stream):
            if left:
                self.sockets.modify(stream, left)
            else:
                self.sockets.unregister(stream)

    def wake_ready(self):
        """Put the tasks of ready streams on the task queue; True if there were any."""
        ready = []
        for entry in self.map.values():
            if not (self.sockets_waited and _is_socket(entry[2])):
                events = entry[2].ioctl(_IOCTL_POLL, _events(entry))
                if events:
                    ready.append((entry, events))
        if self.sockets_waited:
            ready += [(self.map[id(item[0])], item[1]) for item in self.sockets.poll(0)]
        for entry, events in ready:
            self._wake(entry, events)
        return bool(ready)

    def _wake(self, entry, events):
        """An error or a hang-up wakes both."""
        for role, bits in ((0, events & ~select.POLLOUT), (1, events & ~select.POLLIN)):
            if bits and entry[role] is not None:
                _core._task_queue.push(entry[role])
                self._release(entry, role)

    def wait_io_event(self, dt):
        sim.wait_io(self, dt)


def _is_socket(stream):
    return type(stream).__name__ in ("socket", "SSLSocket")


def _events(entry):
    return (select.POLLIN if entry[0] is not None else 0) | (select.POLLOUT if entry[1] is not None else 0)


_core = None


def install():
    """Put these in the place of the interpreter's own, before anything of the board imports asyncio."""
    global _core
    sys.modules["_asyncio"] = sys.modules[__name__]
    import asyncio
    import asyncio.core as core

    _core = core
    core.IOQueue = IOQueue
    asyncio.new_event_loop()
