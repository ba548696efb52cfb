"""Recordings that a pulled battery left open are closed: every file true, the document written and sealed."""

import asyncio
import os

from micropython import const

from app import avi, config, unfinished, wav
from app.journal import Journal, write_document
from app.session import add_segment
from wire import recordings
from wire.avi import Shape

_BUFFER_BYTES = const(2048)
_REPAIRS = {".wav": wav.repair, ".avi": avi.repair}


async def repair_all(storage, current, log):
    """Repair what is on the medium at `storage`, but not the `current` recording's folder.

    What is on another medium waits for it. What fails is logged.
    """
    for folder in unfinished.folders():
        if folder == current or not folder.startswith(storage + "/"):
            continue
        try:
            length_ms = await repair(folder)
        except (OSError, MemoryError, ValueError) as error:
            log.warning(f"recording {folder} could not be repaired: {error}")
            continue
        if length_ms is not None:
            log.info(f"recording {folder} repaired, {length_ms} ms")
        unfinished.remove(folder)


async def repair(folder):
    """The length in ms of what there is; None if nothing was to be done, or nothing was there."""
    if not config.is_folder(folder):
        return None
    journal = Journal(folder)
    if not journal.exists():
        return None if config.exists(folder + "/" + recordings.DOCUMENT) else _remove(folder)
    journal.recover()
    head, end = journal.first("head"), journal.first("end")
    if head is None:
        head = _head(folder)
        if head is None:
            return _remove(folder)
        journal.add("head", head)
    if end is None:
        end = await _close(folder, journal, head)
    write_document(folder, journal)
    return end["length_ms"]


def _head(folder):
    """From the document that stands until the end; None if there is nothing yet. ValueError if it is damaged."""
    if not any(recordings.is_segment(name) for name in os.listdir(folder)):
        return None
    head = config.read_json(folder + "/" + recordings.DOCUMENT)
    del head["closed"]
    return head


async def _close(folder, journal, head):
    """Add what the journal lacks: its segments, and its end."""
    known = {line["name"]: line for line in journal.lines("segments")}
    chain = recordings.chain_start(head["device"], head["name"], head["started"])
    sound_bytes, repaired = 0, []
    for name in sorted(name for name in os.listdir(folder) if recordings.is_segment(name)):
        facts = known.get(name)
        if facts is None:
            facts = await _segment(folder + "/" + name, head)
            if facts is None:
                continue
            chain = recordings.chain_next(chain, bytes.fromhex(facts["sha256"]))
            add_segment(journal, int(name[:-4]), name[-4:], chain, facts)
            repaired.append(name)
        chain = bytes.fromhex(facts["chain"])
        sound_bytes += facts["sound_bytes"]
    end = {
        "closed": True, "repaired": repaired, "length_ms": sound_bytes // recordings.BYTES_PER_MS,
        "chain": chain.hex(),
    }  # fmt: skip
    journal.add("end", end)
    return end


async def _segment(path, head):
    """Facts of a repaired file; None if there was nothing in it, and it is gone."""
    shape = Shape(head["width"], head["height"], head["fps"], head["rate_hz"]) if "fps" in head else None
    buffer = bytearray(_BUFFER_BYTES)
    with open(path, "r+b") as file:
        facts = await _REPAIRS[path[-4:]](file, os.stat(path)[6], shape, buffer)
    if facts is None:
        os.remove(path)
    await asyncio.sleep_ms(0)
    return facts


def _remove(folder):
    """It ended before it began: there is no sound in it. An entry that was torn can't be found by its name."""
    names = os.listdir(folder)
    there = [name for name in names if config.exists(folder + "/" + name)]
    for name in there:
        os.remove(folder + "/" + name)
    if len(there) == len(names):
        os.rmdir(folder)
