"""A release into the spare slot, and on trial. What runs is left alone until all is there and verified.

    envelope, signature, digest, policy -> index -> spare slot unsealed -> chunks -> seal, check -> trial

Every refusal comes before the spare slot is touched, except for a wrong byte in the payload: its chunk is
not written, and the slot stays without a seal.
In memory: manifest, index (32 bytes a chunk), one buffer of 4 KiB.
"""

import asyncio

from app import policy
from app.chunks import COPY, FETCH, HAVE, Layout, hash_of, runs
from app.config import make_folders
from app.outcomes import Deferred, Failed, Refused
from app.slotfiles import Reader, Writer, is_right
from app.source import Memory, Source
from bootloader import bootctl, slots, trust
from wire import frel

HASH = frel.HASH_SIZE


class Result:
    """What an installation took: bytes over the network, chunks in all, and those that needn't be fetched."""

    def __init__(self, version, slot, bytes_fetched, chunks, chunks_reused):
        self.version, self.slot = version, slot
        self.bytes_fetched, self.chunks, self.chunks_reused = bytes_fetched, chunks, chunks_reused


class Device:
    """What an update must know of the device it is for.

    `board`: its name; `versions`: {"app", "runtime"} that run, from `slot`; `defer()`: why not now, or None;
    `buffer`: 4 KiB.
    """

    def __init__(self, board, versions, slot, defer, buffer, root=""):
        self.board, self.versions, self.slot, self.defer = board, versions, slot, defer
        self.buffer, self.root = buffer, root


async def install(device, job, client, new_url, progress, backoff=None, log=print):
    """Install the release of `job` ({"url", "digest", "forced"}), on trial from the next boot; a Result.

    `client` is an app/http.Client. `await new_url()` gives a fresh URL, or raises Withdrawn.
    `progress(step, pct)` is called often.
    Raises app/outcomes.UpdateError. A power cut or a lost link at any point: call it again, it goes on.
    """
    before = client.body_bytes
    source = Source(client, job["url"], device.buffer, device.defer, new_url, backoff, log)
    record = bootctl.load(device.root)
    if record["active"] != device.slot:
        raise Failed(f"slot {device.slot} runs, but the boot record says {record['active']}")
    _stop_if_deferred(device, record)
    progress("downloading", 0)
    try:
        manifest, raw, index, payload = await _open(source, device, job, record)
        spare = slots.spare(record)
        reused, count = await _fill(source, device, spare, manifest, index, payload, progress)
        progress("verifying", 100)
        slots.write_seal(spare, raw, device.root)
        slots.check(spare, device.root)
    except (OSError, slots.SlotError) as error:
        raise Failed(f"the spare slot could not be written: {error}") from None
    _stop_if_deferred(device, record)
    bootctl.save(bootctl.start_trial(record, spare, job["digest"]), device.root)
    progress("installed", 100)
    return Result(manifest["version"], spare, client.body_bytes - before, count, reused)


def _stop_if_deferred(device, record):
    reason = "a trial is not over" if record["state"] == "trial" else device.defer()
    if reason:
        raise Deferred(reason)


async def _open(source, device, job, record):
    """(manifest, its bytes, chunk index, offset of the payload); Refused for all that is wrong with them."""
    try:
        manifest, raw, at = await _verified(source, device)
    except (frel.FormatError, trust.TrustError) as error:
        raise Refused(str(error)) from None
    if frel.digest(raw) != job["digest"]:
        raise Refused(f"signed, but release {frel.digest(raw)[:16]} instead of {job['digest'][:16]}")
    reason = policy.refusal(manifest, device.board, device.versions, record["security_floor"], job["forced"])
    if reason:
        raise Refused(reason)
    payload = at + manifest["index"]["size"]
    index = await _read(source, at, payload)
    if not is_right(index, bytes.fromhex(manifest["index"]["sha256"])):
        raise Refused("the chunk index is not the one of the signed manifest")
    return manifest, raw, index, payload


async def _verified(source, device):
    """(manifest, its bytes, offset of the index) of a release signed for this device."""
    header = await _read(source, 0, frel.HEADER_SIZE)
    envelope_len, index_len, payload_len = frel.parse_header(header)
    at = frel.HEADER_SIZE + envelope_len
    envelope = await _read(source, frel.HEADER_SIZE, at)
    manifest, raw = trust.verify_release(envelope, "app", device.root)
    frel.check_lengths(manifest, index_len, payload_len)
    return manifest, raw, at


async def _read(source, start, end):
    memory = Memory(end - start, frel.CHUNK)
    await source.read(start, end, memory)
    return memory.data


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
                raise Failed(f"{file['path']} of the running slot changed while it was read")
            await asyncio.sleep_ms(0)


async def _fill(source, device, spare, manifest, index, payload, progress):
    """Make the files of the spare slot those of the manifest; (chunks not fetched, chunks in all)."""
    folder = slots.slot_dir(spare, device.root)
    make_folders(folder + "/")
    slots.invalidate(spare, device.root)
    slots.sweep(spare, manifest, device.root)
    layout = Layout(manifest["files"])
    running = Reader(slots.slot_dir(device.slot, device.root))
    present, writer = Reader(folder), Writer(folder)
    try:
        states = await _survey(layout, index, present, running, writer, device.buffer)
        for state, first, end in runs(states):
            sink = _Chunks(layout, index, writer, first, end, progress)
            if state == COPY:
                await sink.copy_from(running, device.buffer)
            elif state == FETCH:
                start, stop = layout.span(first, end)
                await source.read(payload + start, payload + stop, sink)
        for file in manifest["files"]:
            if not file["size"]:
                writer.make_empty(file["path"])
    finally:
        for files in (present, running, writer):
            files.close()
    return layout.count - sum(state == FETCH for state in states), layout.count


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
