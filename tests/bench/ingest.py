"""Heartbeats stored a second, beside what the broker alone delivers to a subscriber that throws them away."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from cloud import pki
from cloud.embedded import mosquitto
from cloud.embedded.python import ROOT
from cloud.processes import BROKERS, Cloud
from tests.bench.ingest_peer import TIMEOUT_S, WINDOW
from tests.cloud_fixtures import make_identity, running_cloud

DEVICES = 4
COUNTS = {"embedded": 4_000, "mosquitto": 40_000}  # some seconds of each


def measure() -> Iterator[tuple[str, str, str, str]]:
    """storing heartbeats"""
    for broker in BROKERS:
        if broker == "mosquitto" and (words := mosquitto.missing()):
            yield f"heartbeats by {broker}", words, "", ""
            continue
        thrown_away, stored = (_in_a_cloud(broker, services) for services in ((), ("registration",)))
        yield (
            f"heartbeats of {DEVICES} devices by {broker}, {COUNTS[broker]:,} of them",
            f"{stored:,.0f} stored a second",
            f"{thrown_away:,.0f} a second to a subscriber that throws them away",
            f"{stored / thrown_away:.2f}",
        )


def _in_a_cloud(broker: str, services: tuple[str, ...]) -> float:
    """Heartbeats a second, from the first sent to the last taken."""
    with running_cloud(*services, broker=broker, durable=True) as cloud:
        return _stored(cloud, cloud.data) if services else _thrown_away(cloud, cloud.data)


def _thrown_away(cloud: Cloud, folder: Path) -> float:
    count = COUNTS[cloud.broker]
    with _peer(cloud, "discard", count, [cloud.material.service("ota")[0]]) as taker:
        began, _ = _publish(cloud, count, folder)
        _, ended = map(float, _line(taker).split())
    return count / (ended - began)


def _stored(cloud: Cloud, folder: Path) -> float:
    count = COUNTS[cloud.broker]
    with psycopg.connect(cloud.settings.postgres_url, autocommit=True) as connection:
        began, _ = _publish(cloud, count, folder)
        while connection.execute("SELECT count(*) FROM heartbeats").fetchone() != (count,):
            if time.monotonic() > began + TIMEOUT_S:
                raise SystemExit(f"not all of {count} heartbeats are stored after {TIMEOUT_S} s")
            time.sleep(0.02)  # a table tells nobody that it grows
    return count / (time.monotonic() - began)


def _publish(cloud: Cloud, count: int, folder: Path) -> tuple[float, float]:
    """When it began, and when the broker had all."""
    assert count % (DEVICES * WINDOW) == 0
    ca = pki.load_authority(cloud.ca, cloud.material.ca_key)
    devices = [make_identity(f"dev-{n}", ca, folder, cloud.ca).certificate for n in range(DEVICES)]
    with _peer(cloud, "publish", count, devices) as publisher:
        assert publisher.stdin
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
        began, ended = map(float, _line(publisher).split())
    return began, ended


def _peer(cloud: Cloud, what: str, count: int, certificates: list[Path]) -> subprocess.Popen:
    """Connected and ready."""
    arguments = [what, str(cloud.ports["broker"]), str(cloud.ca), str(count), *map(str, certificates)]
    peer = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.ingest_peer", *arguments],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert _line(peer) == "ready"
    return peer


def _line(peer: subprocess.Popen) -> str:
    assert peer.stdout
    if not (line := peer.stdout.readline().strip()):
        raise SystemExit(f"a peer ended with {peer.wait()}")
    return line
