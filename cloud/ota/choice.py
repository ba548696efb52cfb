"""Which devices a campaign is for: what its filter selects, and whether the release fits what a device runs.

The filter is SQL over the fleet. Whether a release fits is decided here, once for each board and pair of versions
that there are, by the same comparison of versions that devices use.
"""

import json
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from cloud.db import NO_NUL, Connection
from cloud.web import Refused
from wire import semver

IDS_MAX = 100_000
PARKED_AT = 3  # failures of the same release

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_NUL)]


class Filter(BaseModel, extra="forbid"):
    """What is left out excludes nobody."""

    board: Word | None = None
    version: Word | None = None  # what the device runs now, of the release's kind
    ids: Annotated[list[Word], Field(min_length=1, max_length=IDS_MAX)] | None = None
    group: Word | None = None
    labels: Annotated[dict[Word, Word], Field(min_length=1, max_length=20)] | None = None


class Target(NamedTuple):
    """A release as a choice has to know it. `requires`: {"app", "runtime"}, the least versions."""

    digest: str
    kind: str
    name: str
    version: str
    boards: list[str]
    requires: dict[str, str]
    forced: bool


def target_of(release: dict, forced: bool) -> Target:
    """`release` is a row of releases."""
    names = ("digest", "kind", "name", "version", "boards")
    requires = json.loads(release["manifest"])["requires"]
    return Target(**{name: release[name] for name in names}, requires=requires, forced=forced)


async def release_of(connection: Connection, digest: str) -> dict:
    rows = await connection.execute("SELECT * FROM releases WHERE digest = %s", [digest])
    if row := await rows.fetchone():
        return row
    raise Refused(404, f"there is no release {digest}")


def unfit(target: Target, board: str, app: str, runtime: str) -> str | None:
    """Why the release is not for a device that runs these versions, or None. What is unknown is no hindrance."""
    versions = {"app": app, "runtime": runtime}
    if board not in target.boards:
        return f"made for {', '.join(target.boards)}, this is {board}"
    for kind, least in sorted(target.requires.items()):
        if _older(versions[kind], least):
            return f"has to pass {kind} {least} first, {versions[kind]} is running"
    running = versions[target.kind]
    if not target.forced and running == target.version:
        return f"runs {target.version} already"
    if not target.forced and _older(target.version, running):
        return f"runs {running}, which is newer than {target.version}"
    return None


def _older(version: str, than: str) -> bool:
    try:
        return semver.parse(version) < semver.parse(than)
    except ValueError:  # of a device that never said, or said nonsense
        return False


def selects(filter: Filter, kind: str) -> tuple[str, dict[str, Any]]:
    """(condition on `devices d`, its parameters)."""
    version = "d.app_version" if kind == "app" else "d.runtime_version"
    conditions = ["d.decommissioned_at IS NULL"]
    for name, condition in (
        ("board", "d.board = %(board)s"),
        ("version", f"{version} = %(version)s"),
        ("ids", "d.id = ANY(%(ids)s)"),
        ("group", "d.group_name = %(group)s"),
        ("labels", _LABELS),
    ):
        if getattr(filter, name) is not None:
            conditions.append(condition)
    params = filter.model_dump(exclude={"labels"})
    labels = filter.labels or {}
    return " AND ".join(conditions), params | {"names": list(labels), "values": list(labels.values())}


_LABELS = """
(SELECT count(*) FROM device_labels l JOIN unnest(%(names)s::text[], %(values)s::text[]) w (name, value)
    USING (name, value) WHERE l.device_id = d.id) = cardinality(%(names)s::text[])
""".strip()

PARKED = f"""
EXISTS (SELECT FROM failures f
    WHERE f.device_id = d.id AND f.release_digest = %(digest)s AND f.failures >= {PARKED_AT})
""".strip()


class Selection(NamedTuple):
    """`fit`: so many devices get the release; `left_out`: {why: [devices, one of them]}."""

    fit: int
    left_out: dict[str, list]


async def look(connection: Connection, target: Target, filter: Filter, unless: str = "false") -> Selection:
    """What a campaign would find in the fleet now, without those of whom the condition `unless` holds."""
    condition, params = selects(filter, target.kind)
    condition = f"{condition} AND NOT ({unless})"
    rows = await connection.execute(
        f"SELECT d.board, d.app_version, d.runtime_version, count(*) AS n, min(d.id) AS example"
        f" FROM devices d WHERE {condition}"
        " GROUP BY d.board, d.app_version, d.runtime_version ORDER BY n DESC",
        params,
    )
    fit = 0
    left_out: dict[str, list] = {}
    for row in await rows.fetchall():
        why = unfit(target, row["board"], row["app_version"], row["runtime_version"])
        if why is None:
            fit += row["n"]
        else:
            left_out.setdefault(why, [0, row["example"]])[0] += row["n"]
    return await _without_parked(connection, target, condition, params, Selection(fit, left_out))


async def _without_parked(
    connection: Connection, target: Target, condition: str, params: dict, found: Selection
) -> Selection:
    rows = await connection.execute(
        f"SELECT d.id, d.board, d.app_version AS app, d.runtime_version AS runtime"
        f" FROM failures f JOIN devices d ON d.id = f.device_id"
        f" WHERE f.release_digest = %(digest)s AND f.failures >= {PARKED_AT} AND {condition} ORDER BY d.id",
        params | {"digest": target.digest},
    )
    parked = [
        row["id"]
        for row in await rows.fetchall()
        if unfit(target, row["board"], row["app"], row["runtime"]) is None
    ]
    if not parked:
        return found
    why = f"parked: failed this release {PARKED_AT} times"
    return Selection(found.fit - len(parked), found.left_out | {why: [len(parked), parked[0]]})
