"""AsyncAPI 3.0 of the MQTT side: topics from wire.topics, what devices say from the models that check it."""

from typing import Any

from pydantic import BaseModel

from cloud.ota.jobs import Update
from cloud.registration.commands import Result
from cloud.registration.messages import MODELS
from cloud.registration.twins import Reported
from wire import topics

# what devices say is checked by these; what the cloud says is written down below, and held against it by a test
_SAID: dict[str, type[BaseModel]] = {
    **MODELS,
    "jobs/+/update": Update,
    "commands/+/result": Result,
    "config/reported": Reported,
}

_WORDS = {
    "presence": "Online or not. Its last will says not.",
    "heartbeat": "Every `heartbeat_s` seconds, give or take 20 %. A measurement that could not be taken is null.",
    "events": "Boots with their reason, transitions, safety events, faults. Each kind brings fields of its own.",
    "jobs/get": "Asks what is pending; answered by jobs/notify, always.",
    "jobs/notify": "A job, or that there is none. A device may get it again at any time.",
    "jobs/+/update": "How a job stands. Acknowledged to the broker once it is committed.",
    "commands/+": "Something to be done now. It may come more than once: its id tells.",
    "commands/+/result": "What became of it.",
    "config/desired": "Settings that the device should have; retained.",
    "config/reported": "Settings that it has, and what it refused; retained.",
}
_V = {"type": "integer", "const": topics.VERSION}
_TEXT = {"type": "string"}


def _message(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"v": _V, **properties}, "required": ["v", *required]}


_JOB = _message(
    ["job", "kind", "release", "version", "digest", "url", "url_expires", "size", "forced"],
    job=_TEXT,
    kind={"enum": ["app", "runtime"]},
    release={**_TEXT, "description": "Name and version, for people."},
    version=_TEXT,
    digest={**_TEXT, "description": "Hex SHA-256 of the manifest; empty for the way back."},
    url={**_TEXT, "description": "Presigned, for GET with Range; empty for the way back."},
    url_expires={"type": ["string", "null"], "format": "date-time"},
    size={"type": "integer", "minimum": 0},
    forced={
        "type": "boolean",
        "description": "Also to a version that is not newer. The device may put it off all the same.",
    },
    wait_s={"type": "integer", "minimum": 0, "description": "Begin no sooner: the server spreads a fleet."},
    action={"enum": ["back"], "description": "To the other slot, without a download."},
    trace={**_TEXT, "description": "W3C traceparent, to be given back with each report; a device need not."},
)
_TOLD: dict[str, dict[str, Any]] = {
    "jobs/get": _message([]),
    "jobs/notify": {"oneOf": [_message(["job"], job={"type": "null"}), _JOB]},
    "commands/+": _message(["id", "expires"], id=_TEXT, expires={**_TEXT, "format": "date-time"}),
    "config/desired": _message(
        ["version", "settings"],
        version={"type": "integer"},
        settings={"type": "object", "additionalProperties": {"type": ["boolean", "integer", "string"]}},
    ),
}
_PARAMETERS = {"jobs": "job", "commands": "command"}  # the + below it


def schema_of(name: str) -> dict[str, Any]:
    """JSON Schema of the payload of `name`, a key of wire.topics.TOPICS. Fields not in it are ignored."""
    return _SAID[name].model_json_schema() if name in _SAID else _TOLD[name]


def describe() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fieldrec over MQTT",
            "version": str(topics.VERSION),
            "description": "MQTT 3.1.1, TLS 1.2 or newer, mutual certificates, QoS 1; the client id is the device id."
            " JSON in UTF-8, times in UTC, units in names. Fields that are not known are ignored.",
        },
        "defaultContentType": "application/json",
        "channels": {_key(name): _channel(name) for name in topics.TOPICS},
        "operations": {_key(name): _operation(name) for name in topics.TOPICS},
    }


def _channel(name: str) -> dict[str, Any]:
    first = name.split("/")[0]
    address = name.replace("+", "{" + _PARAMETERS.get(first, "name") + "}")
    parameters: dict[str, Any] = {"device": {"description": "Its id, the common name of its certificate."}}
    if first == "commands":
        parameters["command"] = {"enum": list(topics.COMMANDS)}
    elif "+" in name:
        parameters[_PARAMETERS[first]] = {"description": "As in jobs/notify."}
    return {
        "address": f"{topics.PREFIX}/{{device}}/{address}",
        "description": _WORDS[name],
        "parameters": parameters,
        "messages": {"message": {"payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": schema_of(name)}}},
    }


def _operation(name: str) -> dict[str, Any]:
    """From the device's side."""
    by, retained = topics.TOPICS[name]
    return {
        "action": "send" if by == "device" else "receive",
        "channel": {"$ref": f"#/channels/{_key(name)}"},
        "bindings": {"mqtt": {"qos": 1, "retain": retained}},
    }


def _key(name: str) -> str:
    return name.replace("/+", "").replace("/", "-")


_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
