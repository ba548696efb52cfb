"""Confirmation: a device whose target must confirm says yes before it is given a deployment.

A forced campaign asks nobody. No is not the end: the job waits, and the device may still say yes.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field

from cloud.db import NO_NUL, audit
from cloud.ota.ddi import actions
from cloud.ota.ddi.access import Controller, NeedController
from cloud.ota.ddi.describe import deployment, link
from cloud.ota.ddi.feedback import Confirmation, deferral, words_of
from wire import topics

Number = Annotated[int, Path(ge=1, lt=2**63)]
Text = Annotated[str, Field(max_length=512, pattern=NO_NUL)]

router = APIRouter(prefix="/confirmationBase")


class AutoConfirm(BaseModel):
    initiator: Text | None = None
    remark: Text | None = None


@router.get("")
async def overview(request: Request, who: NeedController) -> dict:
    action, _ = await actions.pending(request.app.state, who)
    auto, here = who.auto_confirm, f"{who.base}/confirmationBase"
    change = "deactivateAutoConfirm" if auto else "activateAutoConfirm"
    links = {change: link(f"{here}/{change}")}
    if action and action.handling == "confirm":
        links["confirmationBase"] = link(f"{here}/{action.id}")
    return {"autoConfirm": {"active": bool(auto), **(auto or {})}, "_links": links}


@router.post("/activateAutoConfirm")
async def activate(request: Request, who: NeedController, body: AutoConfirm | None = None) -> None:
    now = request.app.state.clock()
    said = (body or AutoConfirm()).model_dump(exclude_none=True)
    auto = said | {"activatedAt": int(now.timestamp() * 1000)}
    await _set_auto(request, who, auto, "target.auto_confirm", said.get("remark", ""))


@router.post("/deactivateAutoConfirm")
async def deactivate(request: Request, who: NeedController) -> None:
    await _set_auto(request, who, None, "target.no_auto_confirm", "")


async def _set_auto(request: Request, who: Controller, auto: dict | None, what: str, why: str) -> None:
    async with request.app.state.pool.connection() as connection:
        await connection.execute(
            "UPDATE ddi_targets SET auto_confirm = %s WHERE device_id = %s", [auto and Jsonb(auto), who.id]
        )
        subject = f"device:{who.id}"
        await audit(connection, request.app.state.clock(), subject, what, subject, why)


@router.get("/{number}")
async def asked(number: Number, request: Request, who: NeedController) -> dict:
    action = await actions.of(request.app.state, who, number, "confirm")
    return {"id": str(number), "confirmation": await deployment(request.app.state, who, action)}


@router.post("/{number}/feedback")
async def answer(number: Number, said: Confirmation, request: Request, who: NeedController) -> None:
    service = request.app.state
    action = await actions.open_one(service, who, number, "confirm")
    confirmed, details, now = said.confirmation == "confirmed", words_of(said), service.clock()
    async with service.pool.connection() as connection:
        await connection.execute(_SAID, [number, confirmed, now, details])
        await audit(connection, now, f"device:{who.id}", f"job.{said.confirmation}", f"job:{number}", details)
    if not confirmed:
        update = {
            "status": topics.QUEUED,
            "detail": details,
            "deferred": deferral(f"not confirmed: {details}"),
        }
        await actions.move(service, who, action, update)


_SAID = """
INSERT INTO ddi_confirmations (job_id, confirmed, at, details) VALUES (%s, %s, %s, %s)
ON CONFLICT (job_id) DO UPDATE SET confirmed = EXCLUDED.confirmed, at = EXCLUDED.at, details = EXCLUDED.details
"""
