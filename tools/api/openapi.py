"""OpenAPI 3.1 of one service: FastAPI's own, with who may use what, and refusals in the form that ours have."""

from typing import Any

from fastapi import FastAPI

from tools.api.endpoints import CONTROLLER, DEVICE, OPEN, app_of, of_app

_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token with a role; roles are in docs/cloud.md.",
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "The client certificate that a device got by enrolling.",
    },
    "target": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`TargetToken TOKEN`, as hawkBit's clients send it.",
    },
}
_SECURITY: dict[str, list] = {
    DEVICE: [{"certificate": []}],
    CONTROLLER: [{"target": []}, {"certificate": []}],
    OPEN: [],
}
_REFUSAL = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
_REFUSALS = {
    "401": "Nobody we know",
    "403": "Known, but it may not",
    "404": "No such thing",
    "409": "It is not in a state for that",
    "413": "Too large",
    "422": "Not understood, or not possible",
    "429": "Too often",
}


def describe(service: str) -> dict[str, Any]:
    app = app_of(service)
    about = app.openapi()
    about["info"] = {"title": app.title, "version": "1"}
    components = about.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Refusal"] = {
        "type": "object",
        "properties": {"error": {"type": "string", "description": "What was wrong, in words."}},
        "required": ["error"],
    }
    _complete(app, service, about)
    return about


def _complete(app: FastAPI, service: str, about: dict[str, Any]) -> None:
    for endpoint in of_app(service, app):
        operation = about["paths"].get(endpoint.path, {}).get(endpoint.method.lower())
        if operation is None:
            continue
        operation["security"] = _SECURITY.get(endpoint.access, [{"token": []}])
        if endpoint.access not in _SECURITY:
            operation["x-permission"] = endpoint.access
        kept = [each for each in operation.get("parameters", ()) if each["name"] != "authorization"]
        operation.pop("parameters", None)
        if kept:
            operation["parameters"] = kept
        _refusals(operation, endpoint.access)


def _refusals(operation: dict[str, Any], access: str) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    possible = ["400", "404", "409", "413", "422", "429"] if access == OPEN else ["400", *_REFUSALS]
    for status in sorted(possible):
        responses.setdefault(status, {"description": _REFUSALS.get(status, "Not understood"), **_REFUSAL})
