"""The update client against a real server, on a device's file system in a folder."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import ecdsa
import pytest

from tests.network import lab
from tests.network.lab import Handler
from tests.update.workshop import OLD, ReleaseServer, content
from tools import release
from wire import frel

DEVICE = Path(__file__).with_name("device_update.py")
NEW = {
    **OLD,
    "app/main.mpy": OLD["app/main.mpy"][:4096] + content(4096, 10) + OLD["app/main.mpy"][8192:],
    "app/added.mpy": content(3 * 4096 + 1, 11),
}


@pytest.fixture
def options(authority, tmp_path):
    """A file with what the device is told; a test changes what it is about."""
    (tmp_path / "ca.der").write_bytes(authority.der)

    def make(device, server: ReleaseServer, **changes) -> Path:
        job = {"url": server.url + "/release", "digest": server.digest, "forced": False}
        job.update(changes.pop("job", {}))
        told = {
            "root": str(device.root),
            "ca": str(tmp_path / "ca.der"),
            "timeout_ms": 2000,
            "versions": {"app": "1.0.0", "runtime": "1.29.0"},
            "defer": [None],
            "job": job,
        }
        path = tmp_path / "options.json"
        path.write_text(json.dumps({**told, **changes}))
        return path

    return make


@pytest.fixture
def update(authority, options):
    """Update the device from a release that is served with faults; (all lines said, the server)."""

    def run(device, path: Path, *faults, heap: str = "1M", **changes):
        with ReleaseServer(authority, path, *faults) as server:
            lines = lab.run_device(DEVICE, options(device, server, **changes), heap=heap)
        return [json.loads(line) for line in lines], server

    return run


def check_installed(device, said, contents) -> None:
    assert said[-1].get("slot") == "b", said[-5:]
    assert device.files("b") == contents
    record = device.record()
    assert (record["active"], record["state"], record["previous"]) == ("b", "trial", "a")
    assert device.sealed("a") and device.sealed("b")


def test_an_update_fetches_only_what_is_new(workshop, device, update):
    path = workshop.release(NEW, version="1.1.0")
    said, server = update(device, path)
    check_installed(device, said, NEW)
    added = 3 * 4096 + 1
    head = len(server.data) - sum(map(len, NEW.values()))
    assert said[-1]["fetched"] == head + 4096 + added
    # files are in order of their path: added.mpy comes first, then the empty one, then main.mpy
    assert server.payload_ranges == [(0, added), (added + 4096, added + 8192)]
    assert device.record()["release"] == server.digest


def test_an_update_onto_nothing_in_common(workshop, device, update):
    new = {"app/main.mpy": content(9000, 20), "lib/new/deep.mpy": content(100, 21)}
    said, server = update(device, workshop.release(new, version="2.0.0"))
    check_installed(device, said, new)
    assert said[-1]["reused"] == 0
    assert server.payload_ranges == [(0, 9100)], "one request for adjacent chunks"


def test_progress_rises_to_installed(workshop, device, update):
    said, _ = update(device, workshop.release(NEW, version="1.1.0"))
    steps = [(line["step"], line["pct"]) for line in said if "step" in line]
    assert steps[-3:] == [("downloading", 100), ("verifying", 100), ("installed", 100)]
    assert steps == sorted(steps, key=lambda step: step[1])


def test_the_slot_of_an_older_release_is_cleaned_and_reused(workshop, device, update):
    older = {
        "app/main.mpy": NEW["app/main.mpy"] + content(5000, 30),  # too long for its new content
        "app/added.mpy": NEW["app/added.mpy"][:5000],  # its first chunk is right
        "app/gone.mpy": content(50, 31),
        "old/deep/gone.mpy": content(50, 32),
    }
    device.fill("b", release.read(workshop.release(older, version="0.9.0")))
    said, server = update(device, workshop.release(NEW, version="1.1.0"))
    check_installed(device, said, NEW)
    assert not (device.root / "b/old").exists()
    assert server.payload_ranges[0] == (4096, 3 * 4096 + 1)


def test_a_killed_download_goes_on_where_it_was(authority, workshop, device, options, update):
    """The process is killed while the server holds back the second half of the payload."""
    new = {"app/main.mpy": content(20 * 4096, 40)}
    path = workshop.release(new, version="1.1.0")
    half, resume = threading.Event(), threading.Event()

    def stall(handler: Handler, data: bytes) -> None:
        start, end = handler.range()
        part = data[start:end]
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        handler.wfile.write(part[: len(part) // 2])
        half.set()
        resume.wait(20)
        handler.close_connection = True

    with ReleaseServer(authority, path, None, None, None, stall) as server:
        command = lab.device_command(DEVICE, options(device, server))
        process = subprocess.Popen(command, env=lab.device_environment(), stdout=subprocess.PIPE, text=True)
        assert half.wait(20)
        assert process.stdout is not None
        for line in process.stdout:  # killed once the tenth chunk is on the disk
            if json.loads(line).get("pct") == 50:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        resume.set()
    assert device.untouchable()["boot.json"] == b""
    assert not device.sealed("b")

    said, server = update(device, path)
    check_installed(device, said, new)
    assert server.payload_ranges == [(10 * 4096, 20 * 4096)]
    assert said[-1]["reused"] == 10


def drop(after: int):
    return lambda handler, data: handler.reply_range(data, cut=after)


def page(handler: Handler, data: bytes) -> None:
    handler.reply(200, b"<html>Log in to the WiFi</html>", Content_Type="text/html")


def unavailable(handler: Handler, data: bytes) -> None:
    handler.reply(503, b"slow down")


def ignore_range(handler: Handler, data: bytes) -> None:
    handler.reply(200, data)


def other_part(handler: Handler, data: bytes) -> None:
    handler.reply(206, data[:20], Content_Range=f"bytes 0-19/{len(data) + 1}")


def flip(handler: Handler, data: bytes) -> None:
    _, end = handler.range()
    handler.reply_range(data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:])


def test_a_link_that_drops_everywhere(workshop, device, update):
    path = workshop.release(NEW, version="1.1.0")
    faults = [
        drop(0),
        drop(7),
        None,
        drop(1),
        unavailable,
        None,
        None,
        drop(5000),
        page,
        drop(4096),
        drop(4095),
    ]
    said, server = update(device, path, *faults)
    check_installed(device, said, NEW)
    starts = [first for first, _ in server.payload_ranges]
    assert starts == [0, 5000, 5000, 9096, 16385], "what came is not fetched again, be it half a chunk"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (page, "captive portal"),
        (unavailable, "503: slow down"),
        (ignore_range, "the whole body instead of"),
        (other_part, "got b'bytes 0-19/"),
        (drop(3), "the body ended"),
    ],
)
def test_a_server_that_stays_wrong_is_given_up_and_the_job_stays(workshop, device, update, fault, words):
    path = workshop.release(NEW, version="1.1.0")
    said, server = update(device, path, None, None, None, *[fault] * 50)
    assert said[-1]["error"] == "Interrupted"
    assert words in said[-1]["words"]
    assert len(server.requests) == 3 + 8
    said, _ = update(device, path)
    check_installed(device, said, NEW)


def test_an_expired_url_is_asked_for_again(workshop, device, update):
    def expired(handler: Handler, data: bytes) -> None:
        handler.reply(403, b"expired")

    said, server = update(device, workshop.release(NEW, version="1.1.0"), None, None, None, expired)
    check_installed(device, said, NEW)
    assert [line for line in said if "asked" in line] == [{"asked": "url"}]
    assert [path for _, path, _ in server.requests][3:5] == ["/release", "/release?fresh"]


def test_a_byte_flipped_on_the_way_is_fetched_again(workshop, device, update):
    said, _ = update(device, workshop.release(NEW, version="1.1.0"), None, None, None, flip)
    check_installed(device, said, NEW)


# refusals: what the release is, or what arrives, and the words for it


def unknown_key(workshop) -> Path:
    key = workshop.folder / "stranger.pem"
    key.write_bytes(ecdsa.SigningKey.generate(ecdsa.NIST256p).to_pem())
    return workshop.release(NEW, key=key, version="1.1.0")


def altered(offset_of):
    """A release with one bit flipped, at an offset counted from a part's start."""

    def make(workshop) -> Path:
        path = workshop.release(NEW, version="1.1.0")
        data = bytearray(path.read_bytes())
        envelope, index, _ = frel.parse_header(data)
        starts = {"envelope": frel.HEADER_SIZE, "index": frel.HEADER_SIZE + envelope}
        starts["payload"] = starts["index"] + index
        part, offset = offset_of
        data[starts.get(part, 0) + offset] ^= 1
        path.with_suffix(".bad").write_bytes(data)
        return path

    return make


def of(**fields):
    return lambda workshop: workshop.release(NEW, **{"version": "1.1.0", **fields})


REFUSALS = {
    "unknown key": (unknown_key, "unknown key"),
    "signed manifest altered": (altered(("envelope", 40)), "not trusted"),
    "magic": (altered(("header", 0)), "not a release"),
    "lengths": (altered(("header", 19)), "by the header"),
    "index": (altered(("index", 33)), "chunk index"),
    "payload": (altered(("payload", 5000)), "not what the signed manifest promises"),
    "other board": (of(boards=["esp32s3"]), "made for esp32s3, this is virtual"),
    "runtime too old": (of(requires={"runtime": "9.0.0", "app": "0.0.0"}), "requires runtime 9.0.0"),
    "step left out": (of(requires={"runtime": "1.26.0", "app": "1.0.5"}), "requires app 1.0.5"),
    "not newer": (of(version="1.0.0"), "1.0.0 is not newer than 1.0.0"),
    "older": (of(version="0.9.0"), "0.9.0 is not newer than 1.0.0"),
    "under the floor": (of(security_version=0), "security version 0 is under the floor 1"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_release_changes_nothing_that_runs(authority, workshop, device, options, name):
    make, words = REFUSALS[name]
    path = make(workshop)
    device_record(device, security_floor=1)
    before = device.untouchable()
    with ReleaseServer(authority, path) as server:
        bad = path.with_suffix(".bad")
        server.data = bad.read_bytes() if bad.exists() else server.data
        said = [json.loads(line) for line in lab.run_device(DEVICE, options(device, server))]
    assert said[-1]["error"] == "Refused", said
    assert words in said[-1]["words"]
    assert device.untouchable() == before
    assert not device.sealed("b")
    if name != "payload":
        assert device.files("b") == {}, "refused before the spare slot was touched"


def device_record(device, **fields) -> None:
    import binascii

    default = {
        "active": "a",
        "state": "confirmed",
        "tries_left": 3,
        "previous": None,
        "security_floor": 0,
        "reason": "",
        "release": "",
    }
    text = json.dumps({**default, **fields}).encode()
    (device.root / "boot.json").write_bytes(text + b"\n%08x" % binascii.crc32(text))


def test_another_release_than_the_jobs_is_refused(workshop, device, update):
    said, _ = update(device, workshop.release(NEW, version="1.1.0"), job={"digest": "ab" * 32})
    assert said[-1]["error"] == "Refused"
    assert "instead of abababababababab" in said[-1]["words"]


def test_forced_may_go_back_but_not_under_the_floor(workshop, device, update):
    said, _ = update(device, workshop.release(NEW, version="0.9.0"), job={"forced": True})
    check_installed(device, said, NEW)


def test_forced_does_not_pass_the_floor(workshop, device, update):
    device_record(device, security_floor=2)
    said, _ = update(device, workshop.release(NEW, version="1.1.0"), job={"forced": True})
    assert said[-1] == {"error": "Refused", "words": "security version 1 is under the floor 2"}


@pytest.mark.parametrize("calls_before", [0, 3, 8])
def test_a_deferred_update_stays_for_later(workshop, device, update, calls_before):
    path = workshop.release(NEW, version="1.1.0")
    said, _ = update(device, path, defer=[None] * calls_before + ["recording"])
    assert said[-1] == {"error": "Deferred", "words": "recording"}
    assert device.untouchable()["boot.json"] == b""
    said, _ = update(device, path)
    check_installed(device, said, NEW)


def test_no_update_during_a_trial(workshop, device, update):
    device_record(device, state="trial", previous="b")
    said, _ = update(device, workshop.release(NEW, version="1.1.0"))
    assert said[-1] == {"error": "Deferred", "words": "a trial is not over"}


def test_memory_does_not_grow_with_the_release(authority, workshop, device, options, tmp_path):
    """400 KB in a heap of 320 KiB, compiled as on a board, where objects are half as large as here."""
    new = {f"app/part{number}.mpy": content(40_000, number) for number in range(10)}
    compiled = tmp_path / "compiled"
    for tree in ("app", "bootloader", "wire"):
        for path in (lab.ROOT / tree).glob("*.py"):
            lab.compile_to(f"{tree}/{path.stem}", compiled)
    script = lab.compile_script(DEVICE, compiled)
    with ReleaseServer(authority, workshop.release(new, version="1.1.0")) as server:
        lines = lab.run_device(script, options(device, server), heap="320k", path=str(compiled))
    check_installed(device, [json.loads(line) for line in lines], new)
