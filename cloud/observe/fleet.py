"""The numbers that are rows: read from PostgreSQL when they are asked for, but seldom.

Each process of a service shows the same ones, so `max without (instance)` is their value.
"""

import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud.db import Pool
from cloud.observe.probe import Probe

REFRESH_LEAST_S = 2.0
REFRESH_TIMES = 50  # of how long it takes: reading keeps a database busy for a fiftieth of the time, at most
TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Read(NamedTuple):
    """A metric: each row of `statement` has `value` and the labels. `counter`: it only ever rises."""

    name: str
    words: str
    labels: tuple[str, ...]
    statement: str
    counter: bool = False


class Fleet(Collector):
    """`refresh` before it is collected; without a database it shows what was read last, and says so."""

    def __init__(self, reads: tuple[Read, ...]):
        self._reads = reads
        self._rows: dict[str, list[dict]] = {}
        self._again_at = 0.0
        self._up = False
        self._probe: Probe | None = None

    async def refresh(self, pool: Pool) -> None:
        """Unless that was done lately."""
        if time.monotonic() < self._again_at:
            return
        probe = self._probe = self._probe or Probe(lambda: self._read(pool), TIMEOUT_S)
        self._up = await probe.answers()
        if not self._up:
            log.warning("the fleet's numbers are old: %s", probe.error)

    async def _read(self, pool: Pool) -> None:
        begun = time.monotonic()
        async with pool.connection(timeout=TIMEOUT_S) as connection:
            await connection.execute("SET TRANSACTION READ ONLY")
            self._rows = {
                each.name: await (await connection.execute(each.statement)).fetchall() for each in self._reads
            }
        now = time.monotonic()
        self._again_at = now + max(REFRESH_LEAST_S, REFRESH_TIMES * (now - begun))

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "fieldrec_database_up", "Whether PostgreSQL answered last time", float(self._up)
        )
        for read in self._reads:
            family = CounterMetricFamily if read.counter else GaugeMetricFamily
            metric = family(read.name, read.words, labels=read.labels)
            for row in self._rows.get(read.name, ()):
                metric.add_metric([str(row[label]) for label in read.labels], float(row["value"] or 0))
            yield metric


VERSIONS_MOST = 20  # of each kind

_VERSIONS = f"""
(SELECT 'app' AS kind, app_version AS version, count(*) AS value FROM devices WHERE decommissioned_at IS NULL
 GROUP BY app_version ORDER BY count(*) DESC LIMIT {VERSIONS_MOST})
UNION ALL
(SELECT 'runtime', runtime_version, count(*) FROM devices WHERE decommissioned_at IS NULL
 GROUP BY runtime_version ORDER BY count(*) DESC LIMIT {VERSIONS_MOST})
"""

# The last certificate of each device that still has one in force, or had until lately.
_CERTIFICATES = """
SELECT w.days AS within_days, count(c.serial) AS value
FROM (VALUES (0), (7), (21)) w (days) LEFT JOIN certificates c
    ON c.revoked_at IS NULL AND c.expires_at > now() - interval '90 days'
    AND c.expires_at <= now() + w.days * interval '1 day'
    AND NOT EXISTS (SELECT FROM certificates n WHERE n.device_id = c.device_id AND n.revoked_at IS NULL
        AND n.expires_at > c.expires_at)
    AND NOT EXISTS (SELECT FROM devices d WHERE d.id = c.device_id AND d.decommissioned_at IS NOT NULL)
GROUP BY w.days
"""

REGISTRATION = (
    Read(
        "fieldrec_devices_enrolled",
        "Devices that are not decommissioned",
        (),
        "SELECT count(*) AS value FROM devices WHERE decommissioned_at IS NULL",
    ),
    Read(
        "fieldrec_devices_online",
        "Devices whose last word is that they are there",
        (),
        "SELECT count(*) AS value FROM presence WHERE online",
    ),
    Read("fieldrec_devices_running", "Devices by what they run", ("kind", "version"), _VERSIONS),
    Read(
        "fieldrec_certificates_expiring",
        "Devices whose last certificate runs out within so many days, or has run out",
        ("within_days",),
        _CERTIFICATES,
    ),
    Read(
        "fieldrec_revocation_list_age_seconds",
        "Since the revocation list was issued",
        (),
        "SELECT extract(epoch FROM now() - issued_at) AS value FROM revocation_list",
    ),
    Read(
        "fieldrec_commands_waiting",
        "Commands that no device has answered yet",
        (),
        "SELECT count(*) AS value FROM commands WHERE status = 'QUEUED'",
    ),
)

# Each of a release whose campaigns are live or ended lately.
_LATELY = "coalesce(c.ended_at, now()) > now() - interval '30 days'"

OTA = (
    Read(
        "fieldrec_jobs",
        "Jobs of all time by how they stand; the way back apart",
        ("action", "status"),
        "SELECT action, status, sum(n) AS value FROM jobs_counted GROUP BY action, status",
    ),
    Read(
        "fieldrec_jobs_deferred",
        "Jobs that their devices put off",
        (),
        "SELECT coalesce(sum(n), 0) AS value FROM jobs_counted WHERE deferred",
    ),
    Read(
        "fieldrec_jobs_not_reached",
        "Jobs of devices that were not there since",
        (),
        "SELECT coalesce(sum(n), 0) AS value FROM jobs_counted WHERE status = 'QUEUED' AND NOT told",
    ),
    Read(
        "fieldrec_campaigns",
        "Campaigns of all time by how they stand",
        ("status",),
        "SELECT w.status, count(c.id) AS value FROM unnest(ARRAY['PENDING', 'RUNNING', 'PAUSED', 'SUCCEEDED',"
        " 'HALTED', 'ABORTED']) w (status) LEFT JOIN campaigns c USING (status) GROUP BY w.status",
    ),
    Read(
        "fieldrec_updates",
        "Jobs of the last 30 days' campaigns, by release",
        ("release", "status"),
        "SELECT r.name || ' ' || r.version AS release, n.status, sum(n.n) AS value FROM campaigns c"
        " JOIN releases r ON r.digest = c.release_digest"
        f" JOIN jobs_counted n ON n.campaign_id = c.id AND n.action = 'install' WHERE {_LATELY} GROUP BY 1, 2",
    ),
    Read(
        "fieldrec_reverts",
        "Devices that went back from a release by themselves, in the last 30 days' campaigns",
        ("release",),
        "SELECT r.name || ' ' || r.version AS release, count(j.id) AS value FROM campaigns c"
        " JOIN releases r ON r.digest = c.release_digest"
        " LEFT JOIN jobs j ON j.campaign_id = c.id AND j.status IN ('FAILED', 'TIMED_OUT', 'REJECTED')"
        f" AND j.step = 'reverted' WHERE {_LATELY} GROUP BY 1",
    ),
    Read(
        "fieldrec_audit_unsealed",
        "Rows of the audit log that are not in its chain yet",
        (),
        "SELECT count(*) AS value FROM audit WHERE seal IS NULL",
    ),
)
