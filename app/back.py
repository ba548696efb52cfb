"""Back to the version that the spare slot still holds, on trial like any other: without a download."""

from app import policy
from app.outcomes import Refused
from bootloader import bootctl, slots


def go_back(device, job, record, progress):
    """(version, slot) that the next boot tries. Raises Refused; nothing was changed then.

    `job`: {"kind", "version", "digest"}, the last a name for the trial in the boot record.
    """
    if job["kind"] != "app":
        raise Refused(f"a release of kind {job['kind']} does not come back without a download")
    spare = slots.spare(record)
    progress("verifying", 0)
    try:
        about = slots.check(spare, device.root)
    except slots.SlotError as error:
        raise Refused(f"slot {spare} can't be started: {error}") from None
    if about["version"] != job["version"]:
        raise Refused(f"slot {spare} holds {about['version']}, not {job['version']}")
    about["boards"] = (device.board,)  # it was installed here once
    reason = policy.refusal(about, device.board, device.versions, bootctl.floor(record, "app"), True)
    if reason:
        raise Refused(reason)
    bootctl.save(bootctl.start_trial(record, spare, job["digest"]), device.root)
    progress("installed", 100)
    return about["version"], spare
