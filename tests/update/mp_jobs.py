import asyncio
import json
import os

from app import jobs
from bootloader import bootctl

JOB = {
    "job": "7",
    "kind": "app",
    "release": "fieldrec 1.1.0",
    "version": "1.1.0",
    "digest": "d1",
    "forced": False,
    "status": "IN_PROGRESS",
    "step": "installed",
}


def after(record, **changes):
    job = dict(JOB)
    job.update(changes)
    return jobs.after_boot(job, record)


def test_what_became_of_a_job():
    trial = bootctl.start_trial(bootctl.default(), "b", "d1")
    confirmed = bootctl.confirm(trial, 1)
    reverted = bootctl.revert(trial, "gauge dead")
    for step in ("installed", "trial"):
        assert after(trial, step=step) == ("IN_PROGRESS", "trial", "")
        assert after(confirmed, step=step) == ("SUCCEEDED", "confirmed", "")
        assert after(reverted, step=step) == ("FAILED", "reverted", "gauge dead")


def test_power_lost_between_the_boot_record_and_the_job_file():
    trial = bootctl.start_trial(bootctl.default(), "b", "d1")
    assert after(trial, step="verifying") == ("IN_PROGRESS", "trial", "")


def test_an_earlier_try_of_the_same_release_says_nothing():
    reverted = bootctl.revert(bootctl.start_trial(bootctl.default(), "b", "d1"), "gauge dead")
    assert after(reverted, step="downloading") is None
    assert after(reverted, step="", status="QUEUED") is None


def test_a_job_that_ended_stays_ended():
    trial = bootctl.start_trial(bootctl.default(), "b", "d1")
    assert after(trial, status="REJECTED", step="downloading") is None


def test_a_lost_boot_record_ends_the_job():
    assert after(bootctl.default()) == ("FAILED", "reverted", "the boot record was lost")


def told(**changes):
    message = {name: JOB[name] for name in ("job", "kind", "release", "version", "digest", "forced")}
    message["url"] = "https://x/y"
    message.update(changes)
    return json.dumps(message).encode()


def test_notifications():
    assert jobs.parse(told(later="unknown"))["job"] == "7"
    assert jobs.parse(b'{"v": 1, "job": null}') is None
    for bad in (b"{", b"[]", b"{}", told(job=7), told(job=""), told(job="a/b"), told(job="#"), told(job="x" * 65),
                told(url=None), told(forced=1), told(digest=5)):  # fmt: skip
        try:
            jobs.parse(bad)
        except ValueError:
            continue
        raise AssertionError(bad)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Said:
    """Takes what would go to the broker."""

    def __init__(self):
        self.messages = []

    async def publish(self, topic, payload):
        self.messages.append((topic, json.loads(payload)))


def device(root):
    return jobs.Jobs("dev-1", None, None, print, root)


def folder():
    name = "/tmp/mp_jobs_" + os.urandom(6).hex()
    os.mkdir(name)
    return name


def test_a_trace_is_given_back_also_after_a_restart():
    root, said = folder(), Said()
    before = device(root)
    before.on_notify(told(trace=TRACE))
    before.tell("IN_PROGRESS", "installed")
    asyncio.run(before._publish(said))
    after = device(root)
    after.tell("SUCCEEDED", "confirmed")
    asyncio.run(after._publish(said))
    assert [(topic, message["trace"]) for topic, message in said.messages] == [
        ("fieldrec/v1/dev-1/jobs/7/update", TRACE)
    ] * 2


def test_without_a_trace_none_is_made_up():
    for odd in (None, 7, "", "x" * 56):
        said, one = Said(), device(folder())
        one.on_notify(told(trace=odd))
        one.tell("IN_PROGRESS", "downloading")
        asyncio.run(one._publish(said))
        assert "trace" not in said.messages[0][1]
