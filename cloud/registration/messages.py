"""What devices say about themselves, checked: unknown fields are ignored, whatever else is odd is refused."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_INT32 = 2**31 - 1
_INT63 = 2**63 - 1

Word = Annotated[str, Field(max_length=64)]
Signed = Annotated[int, Field(ge=-_INT32, le=_INT32)]
Big = Annotated[int, Field(ge=0, le=_INT63)]
Utc = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class Versions(BaseModel):
    app: Word = ""
    runtime: Word = ""


class Presence(BaseModel):
    v: Literal[1]
    online: bool
    since: Utc | None = None  # none in a last will, which was written when the device was online


class Heartbeat(BaseModel):
    """A measurement that the device could not take is null: unknown is not zero."""

    v: Literal[1]
    state: Word
    vbat_mv: Signed | None = None
    soc_pct: Signed | None = None
    temp_decic: Signed | None = None
    versions: Versions
    slot: Word = ""
    uptime_s: Big = 0
    mem_free: Big = 0
    counters: Annotated[dict[Word, int | float], Field(max_length=64)] = {}
    fault: Word = ""  # the code of a sensor's fault that goes on


class Event(BaseModel):
    """Kept whole: each kind brings fields of its own."""

    model_config = ConfigDict(extra="allow")

    v: Literal[1]
    kind: Word
    at: Word | None = None


MODELS: dict[str, type[BaseModel]] = {"presence": Presence, "heartbeat": Heartbeat, "events": Event}
