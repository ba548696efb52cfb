"""From a claim token, or from what the factory gave it, to a certificate: once in a device's life.

/etc/claim.txt                                a token, used up by this
/etc/factory-cert.der /etc/factory-key.der    used where there is no token; they stay
"""

import binascii
import hashlib
import os

from app import config, csr, keypair
from app.link import NetworkError
from wire import topics

_CLAIM = "/etc/claim.txt"
_FACTORY_KEY, _FACTORY_CERTIFICATE = "/etc/factory-key.der", "/etc/factory-cert.der"


class EnrolError(NetworkError):
    """Registration said no, or something else than expected; the text has its words."""


async def enrol(device, versions, client, root=""):
    """Send a certificate request with what lets this device in, keep what comes back.

    `device` is /etc/device.json, `client` an app/http.Client that trusts the cloud. The certificate is written
    last but for the token's removal: cut at any point, this is done again, with the same key.
    Raises EnrolError, LinkError, HttpError.
    """
    claimed = config.exists(root + _CLAIM)
    if not claimed and not config.exists(root + _FACTORY_CERTIFICATE):
        raise EnrolError("no certificate and no claim token: put one into " + _CLAIM)
    private, public = keypair.load(root) or keypair.new(root)
    request = csr.build(device["id"], private, public)
    body = {
        "v": 1,
        "device_id": device["id"],
        "csr": _base64(request),
        "board": device["board"],
        "versions": versions,
    }
    if claimed:
        body["token"] = config.read(root + _CLAIM).decode().strip()
    else:
        body["factory"] = _voucher(request, root)
    status, answer = await client.call("POST", device["cloud"] + "/v1/enrol", body)
    certificate, where = parts(status, answer)
    config.write_json(root + "/etc/mqtt.json", where)
    config.write(root + "/etc/cert.der", certificate)
    if claimed:
        os.remove(root + _CLAIM)


def _voucher(request, root):
    """The factory's certificate, and a signature of the request with its key."""
    pair = keypair.load(root, _FACTORY_KEY)
    if pair is None:
        raise EnrolError(f"no key in {_FACTORY_KEY} (SEC 1, DER)")
    digest = hashlib.sha256(topics.FACTORY_CONTEXT + request).digest()
    return {
        "certificate": _base64(config.read(root + _FACTORY_CERTIFICATE)),
        "signature": _base64(keypair.sign(pair[0], digest)),
    }


def _base64(data):
    return binascii.b2a_base64(data).decode().strip()


def parts(status, answer):
    """(certificate as DER, {"host", "port"} of the broker, and "renew" if it is told) of an answer."""
    if type(answer) is not dict:
        raise EnrolError(f"registration answers {status} with no object")
    if status != 201:
        raise EnrolError(f"registration refuses, status {status}: {str(answer.get('error'))[:160]}")
    try:
        where = answer["mqtt"]
        certificate = binascii.a2b_base64(answer["certificate"])
        kept = {"host": str(where["host"]), "port": int(where["port"])}
        if type(answer.get("renew")) is str:
            kept["renew"] = answer["renew"][:32]
        return certificate, kept
    except (KeyError, TypeError, ValueError) as error:
        raise EnrolError(f"registration's answer lacks a part: {error}") from None
