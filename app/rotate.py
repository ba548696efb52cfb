"""The next certificate, before the one that it has runs out. Loaded when it is time.

    /etc/key-new.der    made here
    /etc/cert-new.der   what registration gave for it; both certificates are good now
    /v1/certificates/used   said with the new one: the old one is revoked
    rename the key, then the certificate

Cut at any point, it is taken up where it was: `pending` says that it should be, at the next connection.
"""

import binascii
import os

from app import config, csr, enrol, keypair
from app.link import NetworkError

_NEW_KEY, _NEW_CERTIFICATE = "/etc/key-new.der", "/etc/cert-new.der"


class RotationError(NetworkError):
    """Registration said no; the text has its words."""


async def rotate(device, client, new_client, root=""):
    """`client()` and `new_client()` give an app/http.Client with the certificate in use, and with the new one.

    Raises RotationError, LinkError, HttpError.
    """
    if not config.exists(root + _NEW_CERTIFICATE):
        await _ask(device, client(), root)
    await finish(device, new_client, root)


async def finish(device, new_client, root=""):
    """From where the new certificate is there."""
    if config.exists(root + _NEW_KEY):
        await _use(device, new_client(), root)
        os.rename(root + _NEW_KEY, root + "/etc/key.der")
    os.rename(root + _NEW_CERTIFICATE, root + "/etc/cert.der")


async def _ask(device, client, root):
    private, public = keypair.load(root, _NEW_KEY) or keypair.new(root, _NEW_KEY)
    request = binascii.b2a_base64(csr.build(device["id"], private, public)).decode().strip()
    status, answer = await _call(client, device["cloud"] + "/v1/certificates", {"v": 1, "csr": request})
    certificate, where = enrol.parts(status, answer)
    config.write(root + _NEW_CERTIFICATE, certificate)
    config.write_json(root + "/etc/mqtt.json", where)


async def _use(device, client, root):
    status, answer = await _call(client, device["cloud"] + "/v1/certificates/used", {"v": 1})
    if status in (401, 403):  # it is of no use: the next time begins anew
        os.remove(root + _NEW_CERTIFICATE)
        os.remove(root + _NEW_KEY)
    if status != 200:
        words = answer.get("error") if type(answer) is dict else answer
        raise RotationError(f"new certificate refused, status {status}: {str(words)[:160]}")


async def _call(client, url, body):
    try:
        return await client.call("POST", url, body)
    finally:
        await client.close()
