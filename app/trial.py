"""The end of a trial boot: kept, or given up."""

import asyncio

from micropython import const

from app import selftest
from bootloader import bootctl
from wire import topics

_LOOK_MS = const(30_000)


async def judge(subject, security_version, jobs, reset, root="", checks=selftest.CHECKS, runtime=None):
    """If what runs is on trial: test it, then confirm it, or go back to the other one by a reset.

    `security_version` is the running app's, `runtime` board/runtime's. Returns "" (not on trial), "confirmed", or the
    reason of going back. Without a verdict, by a crash or the watchdog, the trial's tries run out and the next boot
    goes back.
    """
    record = bootctl.load(root)
    kind = bootctl.on_trial(record)
    if not kind:
        return ""
    if kind == "runtime" and record["runtime"]["label"] != runtime.label:
        return await _make_way(jobs, reset)
    passed, reason = await selftest.run(subject, checks)
    if passed:
        reason = _CONFIRM[kind](bootctl.load(root), security_version, runtime, root)
    if not reason:
        jobs.tell(topics.SUCCEEDED, "confirmed", 100)
        return "confirmed"
    bootctl.save(_GIVE_UP[kind](bootctl.load(root), reason), root)
    reset(reason)
    return reason


async def _make_way(jobs, reset):
    """The SPL had no time for the new runtime: it had a recording to start. A reset gives it the time."""
    while jobs.defer_reason():
        await asyncio.sleep_ms(_LOOK_MS)
    reset("a runtime waits to be tried")
    return "not tried yet"


def _confirm_app(record, security_version, runtime, root):
    """Why it can't be confirmed, or None."""
    bootctl.save(bootctl.confirm(record, security_version), root)


def _confirm_runtime(record, security_version, runtime, root):
    """otadata first: if power goes before the record knows, the trial is made again."""
    from bootloader import runtime as loader

    try:
        runtime.keep()
    except OSError as error:
        return f"otadata could not be written: {error}"
    bootctl.save(loader.confirm(record), root)


def _give_up_app(record, reason):
    return bootctl.revert(record, reason)


def _give_up_runtime(record, reason):
    from bootloader import runtime as loader

    return loader.give_up(record, reason)


_CONFIRM = {"app": _confirm_app, "runtime": _confirm_runtime}
_GIVE_UP = {"app": _give_up_app, "runtime": _give_up_runtime}
