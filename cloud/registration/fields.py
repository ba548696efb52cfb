"""The fields that requests have in common, checked."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from cloud import pki
from cloud.db import NO_NUL

IDS_MAX = 1000  # devices in one request


def _device_id(text: str) -> str:
    pki.check_device_id(text)
    return text


DeviceId = Annotated[str, AfterValidator(_device_id)]
Board = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]{0,64}$")]
Group = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")]  # "": none
LabelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$")]
LabelValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]
Csr = Annotated[str, Field(max_length=8192)]  # base64 of DER
Why = Annotated[str, Field(max_length=500, pattern=NO_NUL)]


class Versions(BaseModel):
    app: Version = ""
    runtime: Version = ""


class ForDevices(BaseModel, extra="forbid"):
    """What is asked for these devices, all of them or none."""

    ids: Annotated[list[DeviceId], Field(min_length=1, max_length=IDS_MAX)]
