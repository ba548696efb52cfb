"""What many ask for at once is read once: each loader is one statement, for however many keys.

Nothing is remembered: what is read is what is there then. So the loaders are the process's, not a request's, and when
something changes that hundreds watch, it is read once.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.datastructures import State
from strawberry.dataloader import DataLoader

from cloud.dashboard import reads
from cloud.dashboard.context import read
from cloud.registration.states import states_of

SHOWN = 50  # rows of a kind for a device

Rows = Callable[..., Awaitable[list[dict]]]


class Loaders:
    """`state` is the app's, with its pool and the cache of states."""

    def __init__(self, state: State) -> None:
        rows = partial(read, state.pool)
        one = partial(_one, rows)
        many = partial(_many, rows)
        self.devices = one(f"{reads.DEVICES} WHERE d.id = ANY(%s)", "id")
        self.releases = one(f"{reads.RELEASES} WHERE digest = ANY(%s)", "digest")
        self.campaigns = one(f"{reads.CAMPAIGN} WHERE c.id = ANY(%s)", "id")
        self.twins = one(_TWINS, "device")
        self.version_left = DataLoader(partial(_versions_left, rows), cache=False)
        self.labels = many(_LABELS, "device_id")
        self.active_jobs = many(_ACTIVE_JOBS, "device_id", keep=True)
        self.last_jobs = many(_LAST_JOBS, "device_id", keep=True)
        self.commands = many(_LAST_COMMANDS, "device_id", keep=True)
        self.certificates = many(_CERTIFICATES, "device_id")
        self.groups = many(reads.GROUPS, "campaign", keep=True)
        self.approvals = many(reads.APPROVALS, "campaign_id")
        self.campaigns_of = many(_CAMPAIGNS_OF, "release_digest", keep=True)
        self.running = DataLoader(partial(_running, rows), cache=False)
        self.heartbeats = DataLoader(partial(_heartbeats, state), cache=False)


def _one(rows: Rows, statement: str, key: str) -> DataLoader:
    """The row of each key, or None; `key` is dropped from it only where it is no column of its type."""

    async def load(keys: list) -> list[dict | None]:
        found = {row[key]: row for row in await rows(statement, [list(set(keys))])}
        return [_without(found[each], "device") if each in found else None for each in keys]

    return DataLoader(load, cache=False)


def _many(rows: Rows, statement: str, key: str, keep: bool = False) -> DataLoader:
    """The rows of each key, in the statement's order; the key is a column of them only with `keep`."""

    async def load(keys: list) -> list[list[dict]]:
        found: dict[Any, list[dict]] = {}
        for row in await rows(statement, [list(set(keys))]):
            found.setdefault(row[key], []).append(row if keep else _without(row, key))
        return [found.get(each, []) for each in keys]

    return DataLoader(load, cache=False)


def _without(row: dict, key: str) -> dict:
    return {name: value for name, value in row.items() if name != key}


async def _versions_left(rows: Rows, devices: list[str]) -> list[str | None]:
    """The version that its last update has left in the other slot."""
    found = {row["device_id"]: row["version"] for row in await rows(_VERSION_LEFT, [list(set(devices))])}
    return [found.get(each) for each in devices]


async def _running(rows: Rows, versions: list[tuple[str, str]]) -> list[int]:
    """How many devices in service run each (kind, version)."""
    found = {
        (row["kind"], row["version"]): row["n"]
        for row in await rows(
            _RUNNING, {kind: [v for k, v in versions if k == kind] for kind in ("app", "runtime")}
        )
    }
    return [found.get(each, 0) for each in versions]


async def _heartbeats(state: Any, devices: list[str]) -> list[dict | None]:
    found = await states_of(list(dict.fromkeys(devices)), state.cache, state.pool)
    return [found[each]["heartbeat"] for each in devices]


_LABELS = "SELECT device_id, name, value FROM device_labels WHERE device_id = ANY(%s) ORDER BY name"

_TWINS = """
SELECT d.id AS device, coalesce(t.desired, '{}') AS desired, coalesce(t.version, 0) AS desired_version, t.desired_at,
    coalesce(t.reported, '{}') AS reported, coalesce(t.reported_version, 0) AS reported_version, t.reported_at,
    coalesce(t.refused, '{}') AS refused, coalesce(t.reported_version >= t.version, true) AS settled
FROM unnest(%s::text[]) d (id) LEFT JOIN twins t ON t.device_id = d.id
"""

_ACTIVE_JOBS = (
    f"{reads.JOB} WHERE j.device_id = ANY(%s) AND j.status IN ('QUEUED', 'IN_PROGRESS') ORDER BY j.id"
)

_LAST_JOBS = f"""
SELECT l.* FROM unnest(%s::text[]) d (id) CROSS JOIN LATERAL (
    {reads.JOB} WHERE j.device_id = d.id ORDER BY j.id DESC LIMIT {SHOWN}) l
"""

COMMANDS = """
SELECT id, device_id, name, status, detail, result, asked_by, created_at, expires_at, sent_at, ended_at FROM commands
"""

_LAST_COMMANDS = f"""
SELECT l.* FROM unnest(%s::text[]) d (id) CROSS JOIN LATERAL (
    {COMMANDS} WHERE device_id = d.id ORDER BY id DESC LIMIT {SHOWN}) l
"""

_CERTIFICATES = """
SELECT device_id, serial, issued_at, expires_at, used_at, revoked_at, revoked_why FROM certificates
WHERE device_id = ANY(%s) ORDER BY issued_at DESC
"""

_VERSION_LEFT = """
SELECT d.id AS device_id, l.from_version AS version FROM unnest(%s::text[]) d (id) CROSS JOIN LATERAL (
    SELECT from_version FROM jobs
    WHERE device_id = d.id AND kind = 'app' AND status = 'SUCCEEDED' AND action = 'install' AND from_version <> ''
    ORDER BY id DESC LIMIT 1) l
"""

_CAMPAIGNS_OF = f"""
SELECT l.* FROM unnest(%s::text[]) d (digest) CROSS JOIN LATERAL (
    {reads.CAMPAIGN} WHERE c.release_digest = d.digest ORDER BY c.id DESC LIMIT 20) l
"""

_RUNNING = """
SELECT 'app' AS kind, app_version AS version, count(*)::integer AS n FROM devices
WHERE app_version = ANY(%(app)s) AND decommissioned_at IS NULL GROUP BY app_version
UNION ALL
SELECT 'runtime', runtime_version, count(*)::integer FROM devices
WHERE runtime_version = ANY(%(runtime)s) AND decommissioned_at IS NULL GROUP BY runtime_version
"""
