"""From a claim token to a certificate: once in a device's life, or again if its certificate is lost."""

import binascii
import os

from app import config, csr, keypair
from app.link import NetworkError


class EnrolError(NetworkError):
    """Registration said no, or something else than expected; the text has its words."""


async def enrol(device, versions, client, root=""):
    """Send a certificate request with the claim token, keep what comes back.

    `device` is /etc/device.json, `client` an app/http.Client that trusts the cloud. The certificate is written
    last but for the token's removal: cut at any point, this is done again, with the same key.
    Raises EnrolError, LinkError, HttpError.
    """
    try:
        token = config.read(root + "/etc/claim.txt").decode().strip()
    except OSError:
        raise EnrolError("no certificate and no claim token: put one into /etc/claim.txt") from None
    private, public = keypair.load(root) or keypair.new(root)
    status, answer = await client.call(
        "POST",
        device["cloud"] + "/v1/enrol",
        {
            "v": 1,
            "device_id": device["id"],
            "token": token,
            "csr": binascii.b2a_base64(csr.build(device["id"], private, public)).decode().strip(),
            "board": device["board"],
            "versions": versions,
        },
    )
    certificate, where = _parts(status, answer)
    config.write_json(root + "/etc/mqtt.json", where)
    config.write(root + "/etc/cert.der", certificate)
    os.remove(root + "/etc/claim.txt")


def _parts(status, answer):
    """(certificate as DER, {"host", "port"} of the broker) of an answer."""
    if type(answer) is not dict:
        raise EnrolError(f"registration answers {status} with no object")
    if status != 201:
        raise EnrolError(f"registration refuses, status {status}: {str(answer.get('error'))[:160]}")
    try:
        where = answer["mqtt"]
        certificate = binascii.a2b_base64(answer["certificate"])
        return certificate, {"host": str(where["host"]), "port": int(where["port"])}
    except (KeyError, TypeError, ValueError) as error:
        raise EnrolError(f"registration's answer lacks a part: {error}") from None
