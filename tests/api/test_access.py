"""The authorisation matrix: every route times every role, times own and foreign, out of the routes themselves."""

from pathlib import Path

import pytest

from cloud.access import ROLES
from tests.api.conftest import FOREIGN, OWN
from tools.api.endpoints import CONTROLLER, DEVICE, OPEN, Endpoint, endpoints

TABLE = Path(__file__).with_name("access.txt")
ALL = endpoints()
BY_ROLE = [each for each in ALL if each.access not in (DEVICE, CONTROLLER, OPEN)]
REFUSED = (401, 403)
DUMMIES = {
    "tenant": "DEFAULT",
    "controller": OWN,
    "number": "1",
    "campaign": "1",
    "kind": "app",
    "digest": "0" * 64,
    "action": "pause",
    "filename": "x.bin",
}


def rows() -> set[Endpoint]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return {Endpoint(service, method, path, access) for access, service, method, path in lines}


def filled(path: str, **values: str) -> str:
    for name in [part.split("}")[0] for part in path.split("{")[1:]]:
        path = path.replace("{" + name + "}", (DUMMIES | values).get(name, "none-such"))
    return path


def body(method: str) -> dict:
    return {"json": {}} if method in ("POST", "PUT", "PATCH") else {}


def test_every_route_has_its_row():
    missing = sorted(set(ALL) - rows())
    assert not missing, f"decide who may use these, and add them to {TABLE.name}: {missing}"
    assert not (gone := sorted(rows() - set(ALL))), f"no such routes any more: {gone}"


def test_open_are_only_those_that_are_meant_to_be():
    assert {(each.method, each.path) for each in ALL if each.access == OPEN} == {
        ("GET", "/health"),
        ("GET", "/ready"),
        ("POST", "/v1/enrol"),  # with a claim token, or a factory's certificate
        ("GET", "/graphql"),  # to become a WebSocket; nothing is asked by GET
        ("POST", "/graphql"),  # each field asks for its own permission: tests/dashboard/test_rights.py
        ("GET", "/v1/oidc/start"),  # to sign in
        ("GET", "/v1/oidc/callback"),  # what the provider says is checked: tests/dashboard/test_provider.py
    }


async def test_each_role_at_each_route(callers):
    """A role that may is never told that it may not, and the others always are."""
    wrong = []
    for each in BY_ROLE:
        for role, may in ROLES.items():
            answer = await callers.ask(
                each.service, each.method, filled(each.path), role=role, **body(each.method)
            )
            expected = each.access in may
            if (answer.status_code not in REFUSED) != expected or answer.status_code >= 500:
                wrong.append((each, role, answer.status_code, answer.text[:100]))
    assert not wrong


async def test_nobody_at_each_route(callers):
    """Without a token, with one that is not known, and with a device's certificate: as good as nobody."""
    wrong = []
    for each in ALL:
        if each.access == OPEN:
            continue
        for who in ({}, {"role": "nobody"}, {"device": OWN}, {"target": OWN}):
            if each.access in (DEVICE, CONTROLLER) and ("device" in who or "target" in who):
                continue
            answer = await callers.ask(
                each.service, each.method, filled(each.path), **who, **body(each.method)
            )
            if answer.status_code != 401:
                wrong.append((each, who, answer.status_code))
    assert not wrong


@pytest.mark.parametrize("how", ["device", "target"])
async def test_no_device_at_anothers(callers, how):
    """Its own resources it may ask for, anything of another is refused, whatever there is or isn't."""
    wrong = []
    for each in ALL:
        if each.access != CONTROLLER:
            continue
        for whose in (OWN, FOREIGN):
            path = filled(each.path, controller=whose)
            answer = await callers.ask(each.service, each.method, path, **{how: OWN}, **body(each.method))
            if (answer.status_code == 403) != (whose == FOREIGN) or answer.status_code >= 500:
                wrong.append((each, whose, answer.status_code, answer.text[:100]))
    assert not wrong


async def test_a_certificate_renews_none_but_its_own(cloud, callers):
    """What a device may ask for by its certificate names no device: it is the certificate's. A request for another
    device's certificate is refused, and changes nothing of either."""
    from tests.cloud.fleet import csr_of
    from tools.fleet.identities import ec

    before = await cloud.rows("SELECT serial, device_id, revoked_at FROM certificates ORDER BY serial")
    csr = csr_of(FOREIGN, ec.generate_private_key(ec.SECP256R1()))
    for each in ALL:
        if each.access == DEVICE and not each.path.endswith("/used"):
            asked = {"v": 1, "csr": csr, "device_id": FOREIGN}
            answer = await callers.ask(each.service, each.method, filled(each.path), device=OWN, json=asked)
            assert 400 <= answer.status_code < 500, (each, answer.text)
    assert (
        await cloud.rows("SELECT serial, device_id, revoked_at FROM certificates ORDER BY serial") == before
    )


async def test_a_revoked_certificate_is_refused_everywhere(cloud, callers):
    async with callers.apps["registration"].state.pool.connection() as connection:
        await connection.execute("UPDATE certificates SET revoked_at = now() WHERE device_id = %s", [OWN])
    for each in ALL:
        if each.access in (DEVICE, CONTROLLER):
            answer = await callers.ask(
                each.service, each.method, filled(each.path), device=OWN, **body(each.method)
            )
            assert answer.status_code in REFUSED, (each, answer.status_code)
