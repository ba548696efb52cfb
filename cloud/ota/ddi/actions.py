"""What a device has to do: hawkBit's action is our job, looked at here and moved by cloud.ota.jobs alone."""

import json
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import State

from cloud.bus import Message
from cloud.ota.admission import IN_WINDOW
from cloud.ota.ddi.access import Controller
from cloud.web import Refused
from wire import topics

NO_WAY_BACK = "DDI has no word for going back to the version before"

Handling = Literal["deploy", "confirm", "cancel", "back", "wait", "ended"]


@dataclass(frozen=True)
class Action:
    """A job, with its release. `handling`: to be deployed, confirmed first, cancelled, or none of these now."""

    id: int
    status: str
    step: str
    progress_pct: int
    told: bool
    forced: bool
    handling: Handling
    kind: str
    name: str
    version: str
    digest: str
    size: int
    object_key: str


async def pending(state: State, controller: Controller) -> tuple[Action | None, Action | None]:
    """(what comes first: to stop something, to go on, the oldest of what is new; what was installed last)."""
    order = {"cancel": 0, "deploy": 1, "confirm": 2}
    actions = await _read(state, controller, _PENDING)
    for action in actions:
        if action.handling == "back":
            await move(state, controller, action, {"status": topics.REJECTED, "detail": NO_WAY_BACK})
    known = [action for action in actions if action.handling in order]
    first = min(known, key=lambda a: (order[a.handling], a.status, a.id), default=None)
    return first, next((action for action in actions if action.handling == "ended"), None)


async def tell(state: State, action: Action) -> None:
    """The device learns of it now, as of a notify over MQTT."""
    if not action.told:
        async with state.pool.connection() as connection:
            await connection.execute(
                "UPDATE jobs SET notified_at = %s WHERE id = %s AND notified_at IS NULL",
                [state.clock(), action.id],
            )


async def of(state: State, controller: Controller, number: int, *handlings: Handling) -> Action:
    """One of this device's. Refuses with 404 if it is not in one of these states; a job that ended has none."""
    for action in await _read(state, controller, _ONE, number):
        if action.handling in handlings:
            return action
    raise Refused(404, f"{controller.id} has no action {number} to {' or '.join(handlings)}")


async def open_one(state: State, controller: Controller, number: int, *handlings: Handling) -> Action:
    """As `of`, but a job that has ended is refused with 410, as hawkBit does: what is said now comes too late."""
    action = await of(state, controller, number, *handlings, "ended")
    if action.handling == "ended":
        raise Refused(410, f"action {number} has ended: {action.status}")
    return action


async def with_release(state: State, controller: Controller, digest: str) -> Action:
    """The one by which a device may have this release now. Refuses with 404."""
    for action in await _read(state, controller, _WITH_RELEASE, digest=digest):
        if action.handling == "deploy":
            return action
    raise Refused(404, f"{controller.id} has no action to deploy software module {digest[:16]}")


async def move(state: State, controller: Controller, action: Action, update: dict) -> None:
    """As the device would over MQTT: `update` has fields of cloud.ota.jobs.Update. Committed when this returns."""
    payload = json.dumps({"v": topics.VERSION, **update}).encode()
    await state.jobs.handle([Message(controller.id, f"jobs/{action.id}/update", payload)])


async def _read(
    state: State, controller: Controller, which: str, number: int | None = None, digest: str = ""
) -> list[Action]:
    asks = controller.must_confirm and not controller.auto_confirm
    params = {"device": controller.id, "number": number, "digest": digest, "asks": asks, "now": state.clock()}
    async with state.pool.connection() as connection:
        rows = await (await connection.execute(which, params)).fetchall()
    return [Action(**row) for row in rows]


# As over MQTT (cloud/ota/notifier.py), a halted or aborted campaign hands out nothing more. Who has begun is asked to
# stop, for DDI can say that. The way back is left to MQTT, where the device has ever been seen there.
_HANDLING = f"""
CASE
    WHEN j.status NOT IN ('QUEUED', 'IN_PROGRESS') THEN 'ended'
    WHEN j.action = 'back' THEN CASE
        WHEN EXISTS (SELECT FROM presence p WHERE p.device_id = j.device_id) THEN 'wait' ELSE 'back' END
    WHEN c.status IN ('HALTED', 'ABORTED') THEN CASE j.status WHEN 'IN_PROGRESS' THEN 'cancel' ELSE 'wait' END
    WHEN j.status = 'IN_PROGRESS' THEN 'deploy'
    WHEN c.status <> 'RUNNING' OR NOT {IN_WINDOW} OR c.deadline <= %(now)s THEN 'wait'
    WHEN %(asks)s AND NOT c.forced AND said.confirmed IS NOT TRUE THEN 'confirm'
    ELSE 'deploy'
END
"""

_JOBS = f"""
SELECT j.id, j.status, j.step, j.progress_pct, j.notified_at IS NOT NULL AS told, c.forced,
    {_HANDLING} AS handling, r.kind, r.name, r.version, r.digest, r.size, r.object_key
FROM jobs j
JOIN campaigns c ON c.id = j.campaign_id
JOIN campaign_groups g ON g.campaign_id = j.campaign_id AND g.number = j.group_number
JOIN releases r ON r.digest = c.release_digest
LEFT JOIN ddi_confirmations said ON said.job_id = j.id
WHERE j.device_id = %(device)s
"""

_ACTIVE = "j.status IN ('QUEUED', 'IN_PROGRESS')"
_ONE = f"{_JOBS} AND j.id = %(number)s"
_WITH_RELEASE = f"{_JOBS} AND {_ACTIVE} AND r.digest = %(digest)s"
_PENDING = f"""
{_JOBS} AND ({_ACTIVE} OR j.id = (
    SELECT id FROM jobs WHERE device_id = %(device)s AND status = 'SUCCEEDED' AND action = 'install'
    ORDER BY id DESC LIMIT 1))
"""
