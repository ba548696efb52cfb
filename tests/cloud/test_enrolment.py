"""A claim lets one device enrol once; every other attempt is refused with the reason."""

import asyncio
from base64 import b64decode, b64encode
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloud.fleet import Device, csr_of


async def enrol(cloud, device: Device, token: str, **other):
    return await cloud.registration.post("/v1/enrol", json=device.enrolment(token, **other))


@pytest.fixture
def device(registration) -> Device:
    return Device("dev-one", registration)


async def test_certificate_names_the_device(registration, device):
    answer = (await enrol(registration, device, await registration.claim())).json()
    certificate = x509.load_der_x509_certificate(b64decode(answer["certificate"]))
    ca = x509.load_der_x509_certificate(b64decode(answer["ca"]))
    certificate.verify_directly_issued_by(ca)
    assert certificate.subject.rfc4514_string() == "CN=dev-one"
    assert answer["mqtt"] == {"host": "127.0.0.1", "port": registration.stores.ports["broker"]}
    (row,) = await registration.rows("SELECT * FROM certificates")
    assert (row["device_id"], int(row["serial"], 16)) == ("dev-one", certificate.serial_number)
    (audit,) = await registration.rows("SELECT * FROM audit WHERE what = 'device.enrolled'")
    assert (audit["who"], audit["subject"]) == ("device:dev-one", "device:dev-one")


async def test_token_is_used_once(registration, device):
    token = await registration.claim()
    assert (await enrol(registration, device, token)).status_code == 201
    again = await enrol(registration, Device("dev-two", registration), token)
    assert again.status_code == 403
    assert again.json()["error"].startswith("claim token was used at ")


async def test_device_whose_answer_got_lost_is_given_it_again(registration, device):
    token = await registration.claim()
    first, again = [(await enrol(registration, device, token)).json() for _ in range(2)]
    assert first["certificate"] == again["certificate"]
    other_key = Device("dev-one", registration)
    assert (await enrol(registration, other_key, token)).status_code == 403
    assert len(await registration.rows("SELECT FROM certificates")) == 1


async def test_of_many_at_once_one_enrols(registration):
    token = await registration.claim()
    devices = [Device(f"dev-{number}", registration) for number in range(8)]
    answers = await asyncio.gather(*(enrol(registration, device, token) for device in devices))
    assert sorted(answer.status_code for answer in answers) == [201] + [403] * 7
    assert len(await registration.rows("SELECT FROM certificates")) == 1


async def test_expired_token(registration, device):
    token = await registration.claim()
    registration.clock.ahead = timedelta(days=7)
    answer = await enrol(registration, device, token)
    assert (answer.status_code, answer.json()["error"][:22]) == (403, "claim token expired at")


@pytest.mark.parametrize(
    "whom, words",
    [
        ({"device_id": "dev-two"}, "claim token is for another device"),
        ({"board": "esp32s3"}, "claim token is for board esp32s3, not virtual"),
    ],
)
async def test_foreign_token(registration, device, whom, words):
    answer = await enrol(registration, device, await registration.claim(**whom))
    assert (answer.status_code, answer.json()) == (403, {"error": words})


async def test_unknown_token(registration, device):
    answer = await enrol(registration, device, "no-such-token")
    assert (answer.status_code, answer.json()) == (403, {"error": "claim token is not known"})


async def test_open_token_does_not_take_over_an_enrolled_device(registration, device):
    await enrol(registration, device, await registration.claim())
    thief = Device("dev-one", registration)
    answer = await enrol(registration, thief, await registration.claim())
    assert (answer.status_code, answer.json()["error"][:34]) == (403, "device dev-one is enrolled already")
    named = await enrol(registration, thief, await registration.claim(device_id="dev-one"))
    assert named.status_code == 201


@pytest.mark.parametrize(
    "csr",
    [
        csr_of("dev-two", ec.generate_private_key(ec.SECP256R1())),
        csr_of("dev-one", ec.generate_private_key(ec.SECP384R1())),
        b64encode(b"0\x82garbage").decode(),
        "not base64!",
        "nor ASCII: µ",
        "",
    ],
    ids=["other name", "other curve", "garbage", "no base64", "no ASCII", "empty"],
)
async def test_bad_request_is_refused_and_uses_no_claim_up(registration, device, csr):
    token = await registration.claim()
    answer = await enrol(registration, device, token, csr=csr)
    assert (answer.status_code, answer.json()["error"][:19]) == (400, "certificate request")
    assert (await enrol(registration, device, token)).status_code == 201


async def test_admin_token_is_needed(registration):
    registration.registration.headers["Authorization"] = "Bearer guessed"
    for method, path in (("POST", "/v1/claims"), ("GET", "/v1/devices"), ("GET", "/v1/devices/dev-one")):
        answer = await registration.registration.request(method, path, json={})
        assert answer.status_code == 401, path
    assert (await registration.registration.get("/health")).status_code == 200
