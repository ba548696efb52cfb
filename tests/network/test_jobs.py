"""A device's jobs, from the broker's word to the boot after the trial, against a real broker and a release server."""

import time

from tests.network.lab import Handler
from tests.network.online import booted, job_of
from tests.update.workshop import OLD, ReleaseServer, content

NEW = {**OLD, "app/main.mpy": content(50_000, 10)}


def test_an_update_from_job_to_confirmed(authority, workshop, cloud, device):
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="downloading")
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="installed", progress_pct=100)
            assert running.until("reset") == "update to fieldrec 1.1.0"
        assert device.record()["active"] == "b"
        requests = len(server.requests)
        with booted(device) as running:
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="trial")
            cloud.wait_for("jobs/7/update", status="SUCCEEDED", step="confirmed")
            assert running.until("trial") == "confirmed"
        assert len(server.requests) == requests, "nothing is fetched again"
    record = device.record()
    assert (record["active"], record["state"], record["security_floor"]) == ("b", "confirmed", 1)


def install(authority, workshop, cloud, device) -> None:
    """Up to the reset into the trial."""
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            running.until("reset")


def test_a_failed_self_test_goes_back_and_says_why(authority, workshop, cloud, device):
    install(authority, workshop, cloud, device)
    with booted(device, gauge_mv=None) as running:
        assert running.until("reset") == "self-test: gauge: gauge does not answer at 0x36"
    record = device.record()
    assert (record["active"], record["state"], record["security_floor"]) == ("a", "confirmed", 0)
    with booted(device):
        ended = cloud.wait_for("jobs/7/update", status="FAILED", step="reverted")
        assert ended["detail"] == "self-test: gauge: gauge does not answer at 0x36"


def test_a_version_that_never_gets_to_its_verdict_goes_back(authority, workshop, cloud, device):
    install(authority, workshop, cloud, device)
    (device.root / "etc/mqtt.json").rename(device.root / "etc/mqtt.old")
    for _ in range(3):
        with booted(device) as running:
            running.until("joined")
    (device.root / "etc/mqtt.old").rename(device.root / "etc/mqtt.json")
    with booted(device):
        ended = cloud.wait_for("jobs/7/update", status="FAILED", step="reverted")
    assert ended["detail"] == "slot b was not confirmed in 3 tries"


def test_a_refused_release_is_rejected_with_words(authority, workshop, cloud, device):
    before = device.untouchable()
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0", boards=["esp32s3"])) as server:
        cloud.job = job_of(server)
        with booted(device):
            ended = cloud.wait_for("jobs/7/update", status="REJECTED")
            assert ended["detail"] == "made for esp32s3, this is virtual"
            cloud.notify(cloud.job)  # told of it again
            cloud.wait_for("jobs/7/update", status="REJECTED")
        with booted(device):
            cloud.wait_for("heartbeat")
            cloud.wait_for("jobs/7/update", status="REJECTED")
    assert len(server.requests) == 2, "header and envelope, once"
    untouched = device.untouchable()
    before["boot.json"] = untouched["boot.json"]  # written by the boot itself
    assert untouched == before


def test_a_job_waits_while_the_device_defers(authority, workshop, cloud, device):
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device, defer="recording"):
            assert cloud.wait_for("jobs/7/update", status="QUEUED")["deferred"] == "recording"
        assert server.requests == []
        with booted(device):
            cloud.wait_for("jobs/7/update", step="installed")


def test_a_job_is_begun_when_the_cloud_says(authority, workshop, cloud, device):
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server, wait_s=2)
        with booted(device):
            cloud.wait_for("jobs/get")
            asked_at = time.monotonic()
            cloud.wait_for("jobs/7/update", step="downloading", deferred="")
            assert time.monotonic() - asked_at > 1.5


def back_to(version: str) -> dict:
    """As the cloud sends it: it needs no release for it."""
    about = {"job": "8", "kind": "app", "release": f"fieldrec {version}", "version": version, "forced": True}
    return {**about, "action": "back", "digest": "", "url": "", "url_expires": None, "size": 0}


def test_back_from_the_other_slot_without_a_download(authority, workshop, cloud, device):
    install(authority, workshop, cloud, device)
    with booted(device) as running:
        cloud.wait_for("jobs/7/update", status="SUCCEEDED", step="confirmed")
        cloud.job = back_to("1.0.0")
        cloud.notify(cloud.job)
        cloud.wait_for("jobs/8/update", status="IN_PROGRESS", step="installed")
        assert running.until("reset") == "update to fieldrec 1.0.0"
    with booted(device):
        cloud.wait_for("jobs/8/update", status="IN_PROGRESS", step="trial")
        cloud.wait_for("jobs/8/update", status="SUCCEEDED", step="confirmed")
    assert (device.record()["active"], device.record()["state"]) == ("a", "confirmed")


def test_no_way_back_to_what_the_other_slot_does_not_hold(authority, workshop, cloud, device):
    cloud.job = back_to("0.9.0")
    with booted(device):
        ended = cloud.wait_for("jobs/8/update", status="REJECTED")
    assert ended["detail"].startswith("slot b can't be started: ")
    install(authority, workshop, cloud, device)
    with booted(device):
        cloud.wait_for("jobs/7/update", status="SUCCEEDED", step="confirmed")
        cloud.job = back_to("0.9.0") | {"job": "9"}
        cloud.notify(cloud.job)
        assert cloud.wait_for("jobs/9/update", status="REJECTED")["detail"] == "slot a holds 1.0.0, not 0.9.0"
    assert device.record()["active"] == "b"


def test_an_expired_url_is_asked_for_over_the_broker(authority, workshop, cloud, device):
    def expired(handler: Handler, data: bytes) -> None:
        cloud.job = job_of(server, url=server.url + "/fresh")
        handler.reply(403, b"expired")

    with ReleaseServer(
        authority, workshop.release(NEW, version="1.1.0"), None, None, None, expired
    ) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            running.until("reset")
    assert server.requests[4][1] == "/fresh"


def test_a_job_that_is_withdrawn_is_left(authority, workshop, cloud, device):
    def expired(handler: Handler, data: bytes) -> None:
        cloud.job = None
        handler.reply(403, b"expired")

    with ReleaseServer(
        authority, workshop.release(NEW, version="1.1.0"), None, None, None, expired
    ) as server:
        cloud.job = job_of(server)
        with booted(device):
            cloud.wait_for("jobs/7/update", step="downloading")
            cloud.wait_for("jobs/get")
            cloud.job = job_of(server, number="8")
            cloud.notify(cloud.job)
            cloud.wait_for("jobs/8/update", step="installed")
