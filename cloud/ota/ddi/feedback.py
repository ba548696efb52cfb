"""What devices say in DDI, and what it means in the words of our jobs.

Source: hawkBit's DDI documentation, "State Machine Mapping", and what its server does where that is silent.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field

DETAIL_MAX = 500
DEFERRED_MAX = 200
Text = Annotated[str, Field(max_length=16_384)]


class Progress(BaseModel):
    cnt: int = 0
    of: int | None = 0


class Result(BaseModel):
    finished: Literal["success", "failure", "none"]
    progress: Progress | None = None


class Status(BaseModel):
    execution: Literal[
        "closed", "proceeding", "canceled", "scheduled", "rejected", "resumed", "download", "downloaded"
    ]
    result: Result
    code: int | None = None
    details: Annotated[list[Text], Field(max_length=100)] | None = None


class Feedback(BaseModel):
    """Of deploymentBase and cancelAction. `id`, `time` and `timestamp` are ignored: the path and our clock say it."""

    status: Status


class Confirmation(BaseModel):
    confirmation: Literal["confirmed", "denied"]
    code: int | None = None
    details: Annotated[list[Text], Field(max_length=100)] | None = None


class Word(NamedTuple):
    """A job's status and step."""

    status: str
    step: str


class Now(NamedTuple):
    """How far the job is; `stopping` if the device was asked to cancel."""

    step: str
    progress_pct: int
    stopping: bool


_STEPS = {"download": "downloading", "downloaded": "verifying"}


def meaning(said: Status, now: Now) -> dict:
    """Fields of a job's update. What the device leaves open stays as it was."""
    progress = _progress(said.result.progress, now.progress_pct)
    word = _word(said, now, progress)
    pct = 100 if word.status == "SUCCEEDED" else progress
    words = words_of(said)
    update = {"status": word.status, "step": word.step, "progress_pct": pct, "detail": words}
    return update | ({"deferred": deferral(words)} if said.execution == "rejected" else {})


def deferral(words: str) -> str:
    """Why a device puts its job off, as long as that may be."""
    return words[:DEFERRED_MAX] or "the device gave no reason"


def _word(said: Status, now: Now, progress: int) -> Word:
    failed = said.result.finished == "failure"
    if said.execution == "closed":  # with "none", too, the server of hawkBit takes it as done
        return Word("FAILED", now.step) if failed else Word("SUCCEEDED", "confirmed")
    if said.execution == "canceled":
        return Word("CANCELED" if now.stopping else "REJECTED", now.step)
    if said.execution == "rejected":  # not now: who can't at all says closed and failure
        return Word("QUEUED", now.step)
    if step := _STEPS.get(said.execution):
        return Word("IN_PROGRESS", step)
    of = said.result.progress and said.result.progress.of
    done = bool(of) and progress == 100  # all is there, but the device has yet to try it
    return Word("IN_PROGRESS", "installed" if done else now.step or "downloading")


def _progress(said: Progress | None, before: int) -> int:
    if said is None or not said.of or said.of < 0:
        return before
    return max(0, min(100, 100 * said.cnt // said.of))


def words_of(said: Status | Confirmation) -> str:
    """Its details on one line, as much as a job has room for."""
    words = [line.strip() for line in said.details or () if line.strip()]
    if said.code is not None:
        words.append(f"code {said.code}")
    text = "; ".join(words).replace("\x00", "")
    return text if len(text) <= DETAIL_MAX else text[: DETAIL_MAX - 3] + "..."
