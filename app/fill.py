"""Make the files of the spare slot those of a release: what is there is kept, what runs is copied, the rest fetched."""

import asyncio

from app.chunks import COPY, FETCH, HAVE, Layout, hash_of, runs
from app.config import make_folders
from app.outcomes import Failed
from app.slotfiles import Reader, Writer, is_right
from bootloader import slots


async def fill(source, device, spare, manifest, index, payload, progress):
    """Make the files of the spare slot those of the manifest; (chunks not fetched, chunks in all)."""
    folder = slots.slot_dir(spare, device.root)
    make_folders(folder + "/")
    slots.invalidate(spare, device.root)
    slots.sweep(spare, manifest["files"], device.root)
    running = Reader(slots.slot_dir(device.slot, device.root))
    present, writer = Reader(folder), Writer(folder)
    try:
        done = await transfer(
            source, device.buffer, manifest, index, payload, present, running, writer, progress
        )
        for file in manifest["files"]:
            if not file["size"]:
                writer.make_empty(file["path"])
    finally:
        for files in (present, running, writer):
            files.close()
    return done


async def transfer(source, buffer, manifest, index, payload, present, running, writer, progress):
    """Bring all chunks to `writer`; (chunks not fetched, chunks in all).

    `present` and `running` are where they may be already, with Reader's methods; `writer` has Writer's.
    """
    layout = Layout(manifest["files"])
    states = await _survey(layout, index, present, running, writer, buffer)
    for state, first, end in runs(states):
        sink = _Chunks(layout, index, writer, first, end, progress)
        if state == COPY:
            await sink.copy_from(running, buffer)
        elif state == FETCH:
            start, stop = layout.span(first, end)
            await source.read(payload + start, payload + stop, sink)
    return layout.count - sum(state == FETCH for state in states), layout.count


class _Chunks:
    """The sink for chunks `first` to before `end`: each is checked and written where it belongs."""

    def __init__(self, layout, index, writer, first, end, progress):
        self._layout, self._index, self._writer = layout, index, writer
        self._number, self._end, self._progress = first, end, progress

    def want(self):
        return self._layout.at(self._number)[2] if self._number < self._end else 0

    def take(self, view):
        if not is_right(view, hash_of(self._index, self._number)):
            return False
        file, offset, _ = self._layout.at(self._number)
        self._writer.put(file["path"], offset, view)
        self._number += 1
        self._progress("downloading", 100 * self._number // self._layout.count)
        return True

    async def copy_from(self, running, buffer):
        """All of them out of the running slot."""
        while size := self.want():
            view = memoryview(buffer)[:size]
            file, offset, _ = self._layout.at(self._number)
            if not running.read(file["path"], offset, view) or not self.take(view):
                raise Failed(f"{file['path']} that runs changed while it was read")
            await asyncio.sleep_ms(0)


async def _survey(layout, index, present, running, writer, buffer):
    """The state of each chunk, a byte each. A file too long for its new content is removed: none can be cut."""
    states = bytearray(layout.count)
    for number in range(layout.count):
        file, offset, length = layout.at(number)
        path, view, sha256 = file["path"], memoryview(buffer)[:length], hash_of(index, number)
        if not offset and present.size(path) > file["size"]:
            writer.remove(path)
        if present.holds(path, offset, view, sha256):
            states[number] = HAVE
        elif running.holds(path, offset, view, sha256):
            states[number] = COPY
        else:
            states[number] = FETCH
        await asyncio.sleep_ms(0)
    present.close()
    return states
