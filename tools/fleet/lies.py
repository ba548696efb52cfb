"""What a lying device says: payloads that can't be read, and words that aren't its own to say."""

import json
from collections.abc import Iterator
from random import Random

_V = 1


def telemetry(random: Random) -> Iterator[tuple[str, bytes]]:
    """(name below the device's prefix, payload), each of which the cloud counts and drops."""
    noise = bytes(random.randrange(256) for _ in range(random.randrange(1, 40)))
    yield "heartbeat", b"\xff" + noise  # never UTF-8
    yield "heartbeat", b"{" * random.randrange(1, 2000)
    yield "heartbeat", _json(state="IDLE", versions={"app": "1.0.0"}, vbat_mv=10 ** random.randrange(20, 300))
    yield "heartbeat", _json(state="x" * 65, versions={})
    yield "heartbeat", _json(state="IDLE", versions={}, counters={str(n): n for n in range(65)})
    yield "heartbeat", json.dumps({"v": 2, "state": "IDLE", "versions": {}}).encode()
    yield "heartbeat", _json(state="ID\0LE", versions={})  # JSON, but no text for PostgreSQL
    yield "presence", _json(online="perhaps")
    yield "presence", b""
    yield "events", _json(kind=None)
    yield "events", b"[" * 500 + b"]" * 500


def updates(job: str, random: Random) -> Iterator[tuple[str, bytes]]:
    """About its own job and others': none of it may move any job."""
    yield f"jobs/{job}/update", _json(status="TIMED_OUT")
    yield f"jobs/{job}/update", _json(status="SUCCEEDED", step="dancing")
    yield f"jobs/{job}/update", _json(status="FAILED", progress_pct=101)
    yield f"jobs/{job}/update", b"\xff" * random.randrange(1, 100)
    yield f"jobs/{2**63}/update", _json(status="FAILED")
    yield "jobs/nonsense/update", _json(status="FAILED")
    if job.isdecimal():
        for number in (int(job) - 1, int(job) + 1):  # its neighbours'
            yield f"jobs/{number}/update", _json(status="FAILED", step="reverted", detail="a lie")


DROPPED_UPDATES = 6  # of `updates`: the others can be read, but move nothing


def _json(**fields: object) -> bytes:
    return json.dumps({"v": _V, **fields}).encode()
