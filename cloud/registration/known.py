"""Devices by their ids, for what changes them."""

from cloud.db import Connection
from cloud.web import Refused

NAMED_MAX = 5


async def lock_devices(connection: Connection, ids: list[str], in_service: bool = False) -> None:
    """Until the end of the transaction nobody else changes these devices.

    Refuses with 404 if one is not enrolled; with `in_service`, with 409 if one is decommissioned.
    """
    rows = await connection.execute(
        "SELECT id, decommissioned_at FROM devices WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [ids]
    )
    found = {row["id"]: row["decommissioned_at"] for row in await rows.fetchall()}
    if missing := sorted(set(ids) - set(found)):
        raise Refused(404, f"not enrolled: {_named(missing)}")
    gone = sorted(device for device, at in found.items() if at)
    if in_service and gone:
        raise Refused(409, f"decommissioned: {_named(gone)}")


def _named(ids: list[str]) -> str:
    more = len(ids) - NAMED_MAX
    return ", ".join(ids[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
