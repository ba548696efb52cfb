"""hawkBit's DDI v1, `/DEFAULT/controller/v1/ID`: polls, deployments and what devices say of them.

Paths, fields and status codes are hawkBit's own, so that its clients work as they are.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from cloud.ota.ddi import actions, consent, data, describe, downloads, targets
from cloud.ota.ddi.access import NeedController
from cloud.ota.ddi.feedback import Feedback, Now, meaning, words_of
from wire import topics

Number = Annotated[int, Path(ge=1, lt=2**63)]

router = APIRouter(prefix="/{tenant}/controller/v1/{controller}")


@router.get("")
async def poll(request: Request, who: NeedController) -> dict:
    state = request.app.state
    action, before = await actions.pending(state, who)
    if action:
        await actions.tell(state, action)
    return describe.base(who, action, before, state.settings.ddi_poll_s)


@router.get("/deploymentBase/{number}")
async def deployment(number: Number, request: Request, who: NeedController) -> dict:
    action = await actions.of(request.app.state, who, number, "deploy")
    return {"id": str(number), "deployment": await describe.deployment(request.app.state, who, action)}


@router.get("/installedBase/{number}")
async def installed(number: Number, request: Request, who: NeedController) -> dict:
    action = await actions.of(request.app.state, who, number, "ended")
    return {"id": str(number), "deployment": await describe.deployment(request.app.state, who, action)}


@router.post("/deploymentBase/{number}/feedback")
async def feedback(number: Number, said: Feedback, request: Request, who: NeedController) -> None:
    """A device may also end what it was asked to stop."""
    state = request.app.state
    action = await actions.open_one(state, who, number, "deploy", "cancel")
    now = Now(action.step, action.progress_pct, action.handling == "cancel")
    update = meaning(said.status, now)
    if update["status"] == topics.SUCCEEDED:
        await data.runs(state, who, action.kind, action.version)
    await actions.move(state, who, action, update)


@router.get("/cancelAction/{number}")
async def cancel(number: Number, request: Request, who: NeedController) -> dict:
    await actions.of(request.app.state, who, number, "cancel")
    return {"id": str(number), "cancelAction": {"stopId": str(number)}}


@router.post("/cancelAction/{number}/feedback")
async def cancelled(number: Number, said: Feedback, request: Request, who: NeedController) -> None:
    """`closed` ends the job, unless the device failed to stop; all else leaves it open."""
    action = await actions.open_one(request.app.state, who, number, "cancel")
    stopped = said.status.execution in ("closed", "canceled") and said.status.result.finished != "failure"
    ended = "FAILED" if said.status.execution == "closed" else "IN_PROGRESS"
    update = {
        "status": "CANCELED" if stopped else ended,
        "step": action.step,
        "progress_pct": action.progress_pct,
        "detail": words_of(said.status),
    }
    await actions.move(request.app.state, who, action, update)


for part in (consent, data, downloads):
    router.include_router(part.router)
whole = APIRouter()
for each in (router, targets.router):
    whole.include_router(each)
