"""A device whose certificate is by a registered factory enrols by itself; nothing else of a factory is trusted."""

from datetime import timedelta

import pytest

from tests.cloud.fleet import Device, csr_of
from tests.registry.parties import Factory, by_certificate, new_key, voucher


@pytest.fixture
async def factory(registration) -> Factory:
    factory = Factory()
    await register(registration, factory)
    return factory


async def register(registration, factory: Factory, name: str = "east", **more):
    asked = {"name": name, "certificate": factory.pem, **more}
    return await registration.registration.post("/v1/factory-authorities", json=asked)


def asked(name: str, given: tuple, csr: str | None = None, **other) -> dict:
    csr = csr or csr_of(name, new_key())
    about = {"board": "virtual", "versions": {"app": "1.0.0", "runtime": "1.26.0"}}
    return {
        "v": 1,
        "device_id": name,
        "csr": csr,
        "factory": voucher(given[0], given[1], csr),
        **about,
        **other,
    }


async def enrol(registration, body: dict):
    return await registration.registration.post("/v1/enrol", json=body, headers={"Authorization": ""})


async def refusal(registration, body: dict) -> str:
    answer = await enrol(registration, body)
    assert answer.status_code == 403, answer.text
    assert not await registration.rows("SELECT FROM certificates WHERE device_id = %s", body["device_id"])
    return answer.json()["error"]


async def test_a_vouched_device_enrols_and_may_ask_again(registration, factory):
    body = asked("dev-one", factory.device("dev-one"))
    first, again = await enrol(registration, body), await enrol(registration, body)
    assert first.status_code == again.status_code == 201, first.text
    assert first.json()["certificate"] == again.json()["certificate"]
    (row,) = await registration.rows("SELECT why FROM audit WHERE what = 'device.enrolled'")
    assert row["why"].endswith("by factory east")


async def test_it_does_not_take_over_what_is_enrolled(registration, factory):
    given = factory.device("dev-one")
    await enrol(registration, asked("dev-one", given))
    answer = await enrol(registration, asked("dev-one", given))  # another key
    assert answer.status_code == 403
    assert answer.json()["error"] == "device dev-one is enrolled already; it needs a claim that names it"


async def test_a_revoked_device_does_not_come_back_by_its_factory(registration, factory):
    body = asked("dev-one", factory.device("dev-one"))
    await enrol(registration, body)
    await registration.registration.post("/v1/revocations", json={"ids": ["dev-one"], "why": "stolen"})
    assert (await enrol(registration, body)).status_code == 403


async def test_foreign_wrong_and_tampered(registration, factory):
    given = factory.device("dev-one")
    assert await refusal(registration, asked("dev-two", given)) == (
        "factory certificate is for ['dev-one'], not 'dev-two'"
    )
    imposter = Factory()  # of the same name, with another key
    assert await refusal(registration, asked("dev-one", imposter.device("dev-one"))) == (
        "factory certificate is by no registered factory authority"
    )
    body = asked("dev-one", given)
    body["csr"] = csr_of("dev-one", new_key())  # not the one that was signed
    assert "not of this request by the key" in await refusal(registration, body)
    stolen = asked("dev-one", (given[0], new_key()))  # the certificate without its key
    assert "not of this request by the key" in await refusal(registration, stolen)
    assert await refusal(registration, asked("dev-one", factory.device("dev-one", authority=True))) == (
        "factory certificate is an authority's, not a device's"
    )
    for odd in ("MIIB", "µ", ""):
        body = asked("dev-one", given)
        body["factory"]["certificate"] = odd
        assert (await refusal(registration, body)).startswith("factory certificate can't be read")
        body = asked("dev-one", given)
        body["factory"]["signature"] = odd
        assert (await refusal(registration, body)).startswith("factory signature ")


async def test_both_ways_or_none_is_refused(registration, factory):
    body = asked("dev-one", factory.device("dev-one"))
    for wrong in ({**body, "token": "x"}, {**body, "factory": None}):
        assert (await enrol(registration, wrong)).status_code == 422


async def test_out_of_date(registration, factory):
    body = asked("dev-one", factory.device("dev-one", days=1))
    registration.clock.ahead = timedelta(days=2)
    assert (await refusal(registration, body)).startswith("factory certificate is not valid at")


async def test_a_factory_is_bound_to_its_board(registration):
    factory = Factory()
    await register(registration, factory, "west", board="esp32s3")
    words = await refusal(registration, asked("dev-one", factory.device("dev-one")))
    assert words == "factory west vouches for board esp32s3, not virtual"


async def test_withdrawn_it_vouches_for_nobody(registration, factory):
    assert (await registration.registration.delete("/v1/factory-authorities/east")).status_code == 200
    assert (await registration.registration.delete("/v1/factory-authorities/east")).status_code == 404
    words = await refusal(registration, asked("dev-one", factory.device("dev-one")))
    assert words == "factory certificate is by no registered factory authority"


async def test_what_can_be_registered(registration, factory):
    assert (await register(registration, Factory(), "east")).status_code == 409
    assert (await register(registration, factory, "same")).status_code == 409
    leaf = Factory()
    leaf_pem = Device("dev-one", registration)
    await leaf_pem.enrol()
    body = {"name": "leaf", "certificate": leaf_pem._pem.read_text()}
    answer = await registration.registration.post("/v1/factory-authorities", json=body)
    assert (answer.status_code, "not an authority's" in answer.json()["error"]) == (422, True)
    body["certificate"] = "nonsense"
    assert (await registration.registration.post("/v1/factory-authorities", json=body)).status_code == 422
    registration.clock.ahead = timedelta(days=3651)
    assert "ran out" in (await register(registration, leaf, "old")).json()["error"]
    listed = (await registration.registration.get("/v1/factory-authorities")).json()["authorities"]
    assert [row["name"] for row in listed] == ["east"]


async def test_its_certificate_is_no_pass_elsewhere(registration, factory):
    """Also one with the serial number of a device's: TLS of the services trusts our own CA alone."""
    certificate, _ = factory.device("dev-one")
    async with by_certificate(registration, certificate) as client:
        answer = await client.post("/v1/certificates/used", json={"v": 1})
    assert answer.status_code == 401
