"""What a device says of itself: its attributes, and which version it runs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field
from starlette.datastructures import State

from cloud.db import NO_NUL, Connection
from cloud.ota.ddi.access import Controller, NeedController
from cloud.web import Refused

ATTRIBUTES_MAX = 100  # as many as hawkBit takes, and as long
Text = Annotated[str, Field(max_length=128, pattern=NO_NUL)]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=NO_NUL)]

router = APIRouter()


class ConfigData(BaseModel):
    data: Annotated[dict[Name, Text], Field(max_length=ATTRIBUTES_MAX)]
    mode: Literal["merge", "replace", "remove"] = "merge"


class Installed(BaseModel):
    name: Name
    version: Name


@router.put("/configData")
async def config_data(said: ConfigData, request: Request, who: NeedController) -> None:
    async with request.app.state.pool.connection() as connection:
        kept = await _merged(connection, who, said)
        await connection.execute(
            "UPDATE ddi_targets SET attributes = %s, attributes_at = %s WHERE device_id = %s",
            [Jsonb(kept), request.app.state.clock(), who.id],
        )


async def _merged(connection: Connection, who: Controller, said: ConfigData) -> dict:
    rows = await connection.execute(
        "SELECT attributes FROM ddi_targets WHERE device_id = %s FOR UPDATE", [who.id]
    )
    (row,) = await rows.fetchall()
    before = row["attributes"] if said.mode != "replace" else {}
    if said.mode == "remove":
        return {name: value for name, value in before.items() if name not in said.data}
    after = before | said.data
    if len(after) > ATTRIBUTES_MAX:
        raise Refused(
            422, f"{len(after)} attributes are more than the {ATTRIBUTES_MAX} that a device may have"
        )
    return after


@router.put("/installedBase")
async def installed(said: Installed, request: Request, who: NeedController) -> None:
    """The device runs a release that it did not get from here, or not by DDI."""
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT kind FROM releases WHERE name = %s AND version = %s", [said.name, said.version]
        )
        found = await rows.fetchone()
    if found is None:
        raise Refused(404, f"there is no release {said.name} {said.version}")
    await runs(request.app.state, who, found["kind"], said.version)


async def runs(state: State, who: Controller, kind: str, version: str) -> None:
    """What heartbeats say of other devices, and campaigns choose by."""
    async with state.pool.connection() as connection:
        await connection.execute(_RUNS[kind], [version, who.id])


_RUNS = {
    "app": "UPDATE devices SET app_version = %s WHERE id = %s",
    "runtime": "UPDATE devices SET runtime_version = %s WHERE id = %s",
}
