"""Every endpoint of the services, and who may use it, read from the routes themselves."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from cloud.access import need_device
from cloud.ota.ddi.access import need_controller
from cloud.settings import Settings

SERVICES = ("registration", "ota", "dashboard")
DEVICE, CONTROLLER, OPEN = "device", "controller", "open"  # beside the permissions of cloud.access.ROLES


class Endpoint(NamedTuple):
    """`access` is a permission, or one of DEVICE, CONTROLLER, OPEN."""

    service: str
    method: str
    path: str
    access: str


def app_of(service: str) -> FastAPI:
    """Not to be served: its settings name nothing that exists."""
    app = import_module(f"cloud.{service}.app").create_app(_SETTINGS)
    if service == "dashboard":  # with the routes that are there where a provider is named
        app.include_router(import_module("cloud.dashboard.provider").router)
    return app


def endpoints() -> list[Endpoint]:
    return [each for service in SERVICES for each in of_app(service, app_of(service))]


def of_app(service: str, app: FastAPI) -> Iterator[Endpoint]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            if path := route.path:
                yield Endpoint(service, method, path, access_of(getattr(route, "dependant", None)))


def access_of(dependant: Any) -> str:
    calls = list(_calls(dependant)) if dependant else []
    for call in calls:
        if permission := getattr(call, "permission", None):
            return permission
    if need_controller in calls:
        return CONTROLLER
    return DEVICE if need_device in calls else OPEN


def _calls(dependant: Any) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


_NOWHERE = Path("/nonexistent")
_SETTINGS = Settings(
    postgres_url="postgresql://u:p@127.0.0.1/d",
    redis_url="redis://127.0.0.1",
    etcd_url="http://127.0.0.1",
    mqtt_port=8883,
    mqtt_cert=_NOWHERE,
    mqtt_key=_NOWHERE,
    ca_cert=_NOWHERE,
    tls_cert=_NOWHERE,
    tls_key=_NOWHERE,
    objects_url="file:///nonexistent",
    admin_token_file=_NOWHERE,
    roots=_NOWHERE,
    keyring=_NOWHERE,
    registration_port=8443,
    ota_port=8444,
)
