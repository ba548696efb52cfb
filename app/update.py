"""A release into the spare slot or partition, and on trial. What runs is left alone until all is there and verified.

    envelope, signature, digest, policy -> index -> spare slot unsealed -> chunks -> seal, check -> trial
                                                    spare partition     -> chunks -> read back   -> trial

Every refusal comes before the spare one is touched, except for a wrong byte in the payload: its chunk is
not written, and a slot stays without a seal.
In memory: manifest, index (32 bytes a chunk), one buffer of 4 KiB.
"""

import gc

from app.outcomes import Deferred, Failed, Refused
from app.source import Source
from bootloader import bootctl, slots
from bootloader.modules import unload


class Result:
    """What an installation took: bytes over the network, chunks in all, and those that needn't be fetched.

    `slot` is where it went: "a", "b" or the label of a partition.
    """

    def __init__(self, version, slot, bytes_fetched, chunks, chunks_reused):
        self.version, self.slot = version, slot
        self.bytes_fetched, self.chunks, self.chunks_reused = bytes_fetched, chunks, chunks_reused


class Device:
    """What an update must know of the device it is for.

    `board`: its name; `versions`: {"app", "runtime"} that run, from `slot`; `defer()`: why not now, or None;
    `buffer`: 4 KiB; `runtime`: board/runtime's, None where there is one image only.
    """

    def __init__(self, board, versions, slot, defer, buffer, root="", runtime=None):
        self.board, self.versions, self.slot, self.defer = board, versions, slot, defer
        self.buffer, self.root, self.runtime = buffer, root, runtime


async def install(device, job, client, new_url, progress, backoff=None, log=print):
    """Install the release of `job` ({"url", "digest", "forced", "kind"}), on trial from the next boot; a Result.

    `client` is an app/http.Client. `await new_url()` gives a fresh URL, or raises Withdrawn.
    `progress(step, pct)` is called often.
    Raises app/outcomes.UpdateError. A power cut or a lost link at any point: call it again, it goes on.
    """
    before, kind = client.body_bytes, job.get("kind", "app")
    if kind not in _KINDS:
        raise Refused(f"a release of kind {kind} is not known here")
    if kind == "runtime" and not device.runtime:
        raise Refused("this board's flash holds one MicroPython only: none can be put beside it")
    source = Source(client, job["url"], device.buffer, device.defer, new_url, backoff, log)
    record = bootctl.load(device.root)
    if record["active"] != device.slot:
        raise Failed(f"slot {device.slot} runs, but the boot record says {record['active']}")
    _stop_if_deferred(device, record)
    if job.get("action") == "back":
        from app import back

        version, slot = back.go_back(device, job, record, progress)
        return Result(version, slot, 0, 0, 0)
    progress("downloading", 0)
    try:
        opened = await _open(source, device, job, record)
        where, counts, trial = await _KINDS[kind](source, device, job, record, opened, progress)
    except MemoryError:
        gc.collect()
        raise Deferred("memory is short") from None
    except (OSError, slots.SlotError) as error:
        raise Failed(f"the spare {_PLACES[kind]} could not be written: {error}") from None
    _stop_if_deferred(device, record)
    bootctl.save(trial, device.root)
    progress("installed", 100)
    return Result(opened[0]["version"], where, client.body_bytes - before, *counts)


async def _open(source, device, job, record):
    """As open_release. What verifies takes a tenth of the heap, and is gone before the spare slot is filled."""
    from app.opening import open_release

    try:
        return await open_release(source, device, job, record)
    finally:
        unload(*_VERIFYING)


async def _app(source, device, job, record, opened, progress):
    """(slot, (chunks, chunks reused), boot record with its trial)."""
    from app.fill import fill

    manifest, raw, index, payload = opened
    spare = slots.spare(record)
    reused, count = await fill(source, device, spare, manifest, index, payload, progress)
    progress("verifying", 100)
    slots.write_seal(spare, raw, device.root)
    try:
        slots.check(spare, device.root)
    except slots.SlotError:
        slots.invalidate(spare, device.root)
        raise
    return spare, (count, reused), bootctl.start_trial(record, spare, job["digest"])


async def _runtime(source, device, job, record, opened, progress):
    """The same with a partition."""
    from app import runtime
    from bootloader import runtime as loader

    manifest, _, index, payload = opened
    reused, count = await runtime.fill(source, device, manifest, index, payload, progress)
    label, previous = device.runtime.spare, device.runtime.label
    trial = loader.start_trial(record, label, previous, manifest["security_version"], job["digest"])
    return label, (count, reused), trial


_KINDS = {"app": _app, "runtime": _runtime}
_VERIFYING = (
    "app.opening", "app.policy", "bootloader.trust", "bootloader.comb", "bootloader.p256", "wire.trust", "wire.dsse",
)  # fmt: skip
_PLACES = {"app": "slot", "runtime": "partition"}


def _stop_if_deferred(device, record):
    reason = "a trial is not over" if bootctl.on_trial(record) else device.defer()
    if reason:
        raise Deferred(reason)
