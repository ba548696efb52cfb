"""The end of a trial boot: kept, or given up."""

from app import selftest
from bootloader import bootctl
from wire import topics

_MAX_REASON = 200  # what the boot record takes


async def judge(subject, security_version, jobs, reset, root="", checks=selftest.CHECKS):
    """If the running slot is on trial: test it, then confirm it, or go back to the other one by a reset.

    `security_version` is the running release's. Returns "" (not on trial), "confirmed", or the reason of going back.
    Without a verdict, by a crash or the watchdog, the trial's tries run out and the next boot goes back.
    """
    if bootctl.load(root)["state"] != "trial":
        return ""
    passed, reason = await selftest.run(subject, checks)
    record = bootctl.load(root)
    if passed:
        bootctl.save(bootctl.confirm(record, security_version), root)
        jobs.tell(topics.SUCCEEDED, "confirmed", 100)
        return "confirmed"
    bootctl.save(bootctl.revert(record, reason[:_MAX_REASON]), root)
    reset(reason)
    return reason
