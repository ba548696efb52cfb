"""What the dashboard's pages cost at a million devices and ten million events, with the worst node of each plan."""

import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from cloud.db import database
from cloud.processes import Cloud
from tests.bench import portal
from tests.dashboard.lab import Lab
from tests.dashboard.watcher import watching
from tools import keys

Row = tuple[str, str, str, str]

DEVICES, EVENTS, JOBS, AUDIT = 1_000_000, 10_000_000, 1_000_000, 1_000_000
WATCHERS = 200
TIMES = 5
LIMIT_S = 1.0

_LIST = """
query ($filter: DeviceFilter) {
  devices(filter: $filter) { pageInfo { endCursor } edges { node {
    id board appVersion group online state socPct tempDecic labels { name value } activeJobs { status } } } }
  devicesCounted(filter: $filter) { count exact }
}
"""
_DEVICE = """
query ($id: ID!) { device(id: $id) {
  id state heartbeat { memFree } slots { name version } config { settled } commands { name } certificates { serial }
  jobs { status campaign { release { version } } } history(hours: 24) { at socPct } timeline { at title } why } }
"""
_CAMPAIGN = """
query ($id: ID!) { campaign(id: $id) {
  status release { version } approvals { who } groups { name size jobs { succeeded failed total } }
  failures { reason devices } failed: jobs(status: [FAILED]) { edges { node { device { id online } detail } } } } }
"""
_PAGES: dict[str, tuple[str, dict]] = {
    "list of devices": (_LIST, {}),
    "list, text that one device has": (_LIST, {"filter": {"text": "0999999"}}),
    "list, text that no device has": (_LIST, {"filter": {"text": "none-such"}}),
    "list, rare state": (_LIST, {"filter": {"state": "RECORDING"}}),
    "list, online in a group": (_LIST, {"filter": {"online": True, "group": "g7"}}),
    "list, offline and of an old version": (_LIST, {"filter": {"online": False, "appVersion": "0.9.0"}}),
    "list, label": (_LIST, {"filter": {"labels": [{"name": "site", "value": "s42"}]}}),
    "fleet, counted before": ("{ fleet { total online states { name devices } } }", {}),
    "device page": (_DEVICE, {"id": "dev-0500000"}),
    "campaign page": (_CAMPAIGN, {"id": "1"}),
    "labels": ("{ labels { name value devices } }", {}),
    "campaigns": ("{ campaigns { edges { node { status groups { jobs { total } } } } } }", {}),
    "events of a rare kind": ('{ events(kind: "fault") { edges { node { deviceId body } } } }', {}),
    "audit of people": ("{ audit(people: true) { edges { node { who what } } } }", {}),
}


def measure() -> Iterator[Row]:
    """dashboard"""
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        data = Path(folder)
        data.chmod(0o755)  # run as root, PostgreSQL is another user's, who has to get there
        keys.new(data / "keys")
        with Cloud(data, services=(), durable=False) as cloud:
            yield from asyncio.run(_measure(cloud, data))
        with Cloud(data, services=("dashboard", "portal"), durable=False) as cloud:  # the same database
            yield from portal.measure(cloud)


async def _measure(cloud: Cloud, folder: Path) -> list[Row]:
    url = cloud.settings.postgres_url
    async with database(url):
        pass
    await _fill(url)
    async with AsyncExitStack() as stack:
        lab = Lab(cloud, url, folder, stack)
        await lab.start()
        started = time.perf_counter()
        await lab.ask("{ fleet { total } }")
        counted = time.perf_counter() - started
        rows = [("dashboard, the fleet counted anew, beside the answers", _text(counted), "", "")]
        for what, (query, variables) in _PAGES.items():
            seconds, worst = await _page(lab, query, variables)
            row = (
                f"dashboard, {what}",
                _text(seconds),
                f"worst node: {worst}",
                f"{seconds / LIMIT_S:.2f} of 1 s",
            )
            rows.append(row)
        return [*rows, await _live(lab)]


async def _page(lab: Lab, query: str, variables: dict) -> tuple[float, str]:
    """(median seconds, the plans' worst node)."""
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        answer = await lab.ask(query, **variables)
        took.append(time.perf_counter() - started)
        assert not answer.errors, answer.errors
    async with _explained(lab) as plans:
        await lab.ask(query, **variables)
    return statistics.median(took), max((_worst(plan) for plan in plans), default=(0.0, "none"))[1]


@asynccontextmanager
async def _explained(lab: Lab) -> AsyncIterator[list[dict]]:
    """The plan, with times, of each statement that the dashboard reads with meanwhile."""
    plans: list[dict] = []
    execute = psycopg.AsyncConnection.execute

    async def explained(self: Any, query: Any, *args: Any, **more: Any) -> Any:
        if isinstance(query, str) and re.match(r"\s*(SELECT|WITH)\b", query) and "FOR UPDATE" not in query:
            rows = await execute(self, f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *args, **more)
            found = await rows.fetchone()
            plans.append(next(iter(found.values()))[0]["Plan"])
        return await execute(self, query, *args, **more)

    psycopg.AsyncConnection.execute = explained  # type: ignore[method-assign]
    try:
        yield plans
    finally:
        psycopg.AsyncConnection.execute = execute  # type: ignore[method-assign]


def _worst(plan: dict) -> tuple[float, str]:
    """(its own ms, words) of the node that takes longest without those below it."""
    below = plan.get("Plans", [])
    total = plan["Actual Total Time"] * plan["Actual Loops"]
    own = total - sum(each["Actual Total Time"] * each["Actual Loops"] for each in below)
    rows = int(plan["Actual Rows"] * plan["Actual Loops"])
    about = plan.get("Index Name") or plan.get("Relation Name") or ""
    words = f"{plan['Node Type']} {about}".strip()
    return max([(own, f"{words}, {rows:,} rows, {own:.1f} ms"), *map(_worst, below)])


async def _live(lab: Lab) -> Row:
    """Until the last of many watchers has seen a change."""
    async with lab.served() as url, AsyncExitStack() as stack:
        watchers = []
        for _ in range(WATCHERS):
            watcher = await stack.enter_async_context(watching(url, lab.tokens["viewer"]))
            await watcher.subscribe('subscription { deviceChanged(ids: ["dev-0000001"]) { id group } }')
            await watcher.next()
            watchers.append(watcher)
        started = time.perf_counter()
        await lab.registration.post("/v1/marks", json={"ids": ["dev-0000001"], "group": "seen"})
        seen = await asyncio.gather(*(watcher.next() for watcher in watchers))
        seconds = time.perf_counter() - started
        assert all(each["group"] == "seen" for each in seen)
    return (
        f"dashboard, until {WATCHERS} watchers saw a change",
        _text(seconds),
        "",
        f"{seconds / LIMIT_S:.2f} of 1 s",
    )


def _text(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


async def _fill(url: str) -> None:
    sizes = {"devices": DEVICES, "events": EVENTS, "jobs": JOBS, "audit": AUDIT}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in _FILL:
            await connection.execute(statement.format(**sizes, manifest=json.dumps({"requires": {}})))


_ID = "'dev-' || lpad(({n})::text, 7, '0')"
_FILL = (
    f"""INSERT INTO devices (id, board, app_version, runtime_version, group_name, enrolled_at)
    SELECT {_ID.replace("{n}", "n")}, CASE n % 3 WHEN 0 THEN 'esp32s3' ELSE 'virtual' END,
        CASE WHEN n % 1000 = 0 THEN '0.9.0' WHEN n % 5 = 0 THEN '1.0.0' ELSE '1.1.0' END, '1.26.0', 'g' || n % 50,
        now() - interval '30 days' FROM generate_series(1, {{devices}}) n""",
    "INSERT INTO presence SELECT id, hashtext(id) % 10 <> 0, now(), now() FROM devices",
    """INSERT INTO device_states SELECT id,
        CASE WHEN hashtext(id || 'state') % 10000 = 0 THEN 'RECORDING' ELSE 'IDLE' END, 3900,
        abs(hashtext(id)) % 100, 200 + hashtext(id) % 150, 'a', now() FROM devices""",
    "INSERT INTO device_labels SELECT id, 'site', 's' || abs(hashtext(id)) % 1000 FROM devices",
    f"""INSERT INTO events (device_id, received_at, kind, body)
    SELECT {_ID.replace("{n}", "1 + n % {devices}")}, now() - n * interval '1 second',
        CASE WHEN n % 1000000 = 0 THEN 'fault' WHEN n % 10 = 0 THEN 'boot' ELSE 'transition' END,
        '{{{{"kind": "transition", "to": "IDLE"}}}}' FROM generate_series(1, {{events}}) n""",
    """INSERT INTO heartbeats SELECT 'dev-0500000', now() - n * interval '30 s', 'IDLE', 3900, n % 100, 230, '1.0.0',
        '1.26.0', 'a', n, 100000, '{{}}' FROM generate_series(0, 2880) n""",
    """INSERT INTO releases SELECT repeat('0', 64), 'app', 'fieldrec', '1.1.0', 1, '{{virtual}}', '{manifest}',
        '{{}}', 1000, 'k', now()""",
    """INSERT INTO campaigns (release_digest, filter, success_threshold, error_threshold, step_timeout_s, forced,
        status, created_at)
    SELECT repeat('0', 64), '{{}}', 1, 1, 600, false, 'SUCCEEDED', now() FROM generate_series(1, 100)""",
    """INSERT INTO campaign_groups (campaign_id, number, name, size, status)
    SELECT c, g, 'group ' || g, {jobs} / 3, 'RUNNING' FROM generate_series(1, 100) c, generate_series(0, 2) g""",
    f"""INSERT INTO jobs (campaign_id, group_number, device_id, kind, status, detail, created_at, ended_at)
    SELECT 1, n % 3, {_ID.replace("{n}", "n")}, 'app', CASE WHEN n % 20 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,
        CASE WHEN n % 20 = 0 THEN 'reason ' || n % 9 ELSE '' END, now(), now() FROM generate_series(1, {{jobs}}) n""",
    """INSERT INTO audit (at, who, what, subject) SELECT now(), CASE WHEN n % 10000 = 0 THEN 'user:operator'
        ELSE 'device:' || n END, 'job.SUCCEEDED', 'job:' || n FROM generate_series(1, {audit}) n""",
    "VACUUM ANALYZE",
)
