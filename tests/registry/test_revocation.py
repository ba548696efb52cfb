"""Revoked: at HTTP at once; at the broker the connection ends, and no other is let in, within seconds."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cloud import pki
from cloud.embedded.broker_revoked import CrlError, Revoked
from cloud.registration.crl import write
from tests.registry.parties import certified

LIMIT_S = 10


async def revoke(registration, *ids: str, **more):
    return await registration.registration.post("/v1/revocations", json={"ids": list(ids), **more})


async def crl_of(registration) -> x509.CertificateRevocationList:
    answer = await registration.registration.get("/v1/crl")
    assert answer.headers["content-type"] == "application/pkix-crl"
    return x509.load_der_x509_crl(answer.content)


async def listed(registration) -> None:
    """What is revoked until now is in the list in force."""
    await registration.until(
        lambda rows: not rows, "SELECT FROM certificates WHERE revoked_at IS NOT NULL AND NOT listed"
    )


async def test_a_live_connection_ends_and_another_is_refused(registration):
    device, other = await certified(registration), await certified(registration, "dev-two")
    async with other.online():
        begun = time.monotonic()
        with pytest.raises(aiomqtt.MqttError):
            async with device.online():
                begun = time.monotonic()
                assert (await revoke(registration, "dev-one", why="stolen")).status_code == 200
                answer = await device.post("/v1/certificates/used", {"v": 1})
                assert answer.json()["error"] == "the certificate of dev-one is revoked"
                await asyncio.wait_for(device._listening, LIMIT_S)
        assert time.monotonic() - begun < LIMIT_S
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            async with device.online():
                raise AssertionError("let in")
        await registration.until(
            lambda rows: rows == [{"online": False}],
            "SELECT online FROM presence WHERE device_id = 'dev-one'",
        )
        await other.heartbeat()  # is still there
        await registration.until(len, "SELECT FROM heartbeats WHERE device_id = 'dev-two'")
    assert not (await registration.rows("SELECT FROM audit WHERE what = 'certificates.revoked' AND why = ''"))


async def test_a_new_claim_lets_it_in_again(registration):
    device = await certified(registration)
    await revoke(registration, "dev-one")
    await device.enrol()
    async with device.online():
        await device.heartbeat()
        await registration.until(len, "SELECT FROM heartbeats WHERE device_id = 'dev-one'")


async def test_what_may_be_named(registration):
    device, other = await certified(registration), await certified(registration, "dev-two")
    assert (await revoke(registration, "dev-one", "dev-nine")).json()["error"] == "not enrolled: dev-nine"
    foreign = await revoke(registration, "dev-one", serials=[other.serial])
    assert foreign.status_code == 404
    assert not await registration.rows("SELECT FROM certificates WHERE revoked_at IS NOT NULL")
    both = await revoke(registration, "dev-one", "dev-two")
    assert both.json()["revoked"] == sorted([device.serial, other.serial])


async def test_the_list_is_signed_numbered_and_renewed_daily(registration, cloud_stores):
    device = await certified(registration)
    before = await crl_of(registration)
    await revoke(registration, "dev-one")
    await listed(registration)
    crl = await crl_of(registration)
    ca = x509.load_pem_x509_certificate(cloud_stores.ca.read_bytes())
    ca_key = ca.public_key()
    assert isinstance(ca_key, ec.EllipticCurvePublicKey)
    assert crl.is_signature_valid(ca_key) and crl.issuer == ca.subject
    assert [format(each.serial_number, "x") for each in crl] == [device.serial]
    assert number(crl) > number(before)
    registration.clock.ahead = timedelta(days=1)
    registration.registration_app.state.lists.wake.set()
    await registration.until(
        lambda rows: rows[0]["number"] > number(crl), "SELECT number FROM revocation_list"
    )
    assert (await crl_of(registration)).next_update_utc > crl.next_update_utc
    registration.clock.ahead = timedelta(days=pki.DEVICE_DAYS + 2)  # nobody accepts it any more by itself
    registration.registration_app.state.lists.wake.set()
    await registration.until(
        lambda rows: rows[0]["number"] > number(crl) + 1, "SELECT number FROM revocation_list"
    )
    assert not list(await crl_of(registration))


async def test_many_at_once_are_in_one_list(registration):
    """A list has all that is revoked: one for each revocation would cost the square of their number."""
    devices = [await certified(registration, f"dev-{n:03}") for n in range(8)]
    before = number(await crl_of(registration))
    for device in devices:
        await revoke(registration, device.id)
    await listed(registration)
    crl = await crl_of(registration)
    assert {format(each.serial_number, "x") for each in crl} == {device.serial for device in devices}
    assert number(crl) - before <= 3  # that of the first, and of the seconds that the others took


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def authority(folder: Path) -> tuple[pki.Authority, Path]:
    made = pki.make_authority()
    (folder / "ca.pem").write_bytes(pki.pem(made.certificate))
    return made, folder / "ca.pem"


def put(path: Path, ca: pki.Authority, serials: list[int]) -> None:
    now = ca.certificate.not_valid_before_utc
    crl = pki.revocation_list(ca, [(serial, now) for serial in serials], 1, now)
    write(path, crl.public_bytes(pki.serialization.Encoding.DER))


def test_a_damaged_or_foreign_list_changes_nothing(tmp_path):
    ca, ca_file = authority(tmp_path)
    path = tmp_path / "crl.pem"
    put(path, ca, [5, 7])
    revoked = Revoked(path, ca_file)
    assert revoked.look() == {5, 7}
    assert revoked.look() == frozenset(), "the same file"
    path.write_text("no list")
    with pytest.raises(CrlError, match="is no revocation list"):
        revoked.look()
    put(path, pki.make_authority(), [])
    with pytest.raises(CrlError, match="is not signed by our CA"):
        revoked.look()
    assert revoked.serials == {5, 7}
    put(path, ca, [7, 9])
    assert revoked.look() == {9}
