"""The certificate request of this device: PKCS #10 (RFC 2986) in DER, with what registration looks at."""

import hashlib

from app import keypair

_SEQUENCE = b"\x30"
_SET = b"\x31"
_INTEGER = b"\x02"
_BIT_STRING = b"\x03"
_OCTET_STRING = b"\x04"
_OID = b"\x06"
_UTF8 = b"\x0c"
_URI = b"\x86"  # GeneralName [6], RFC 5280 section 4.2.1.6
_ATTRIBUTES = b"\xa0"

_COMMON_NAME = b"\x55\x04\x03"
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"
_EXTENSION_REQUEST = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"  # RFC 2985 section 5.4.2
_EC_PUBLIC_KEY = b"\x2a\x86\x48\xce\x3d\x02\x01"
_PRIME256V1 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"
_ECDSA_WITH_SHA256 = b"\x2a\x86\x48\xce\x3d\x04\x03\x02"


def build(device_id, private, public):
    """DER bytes of a request for CN = `device_id` and SAN URI spiffe://fieldrec/device/ID, signed by it."""
    name = _der(_SEQUENCE, _der(_OID, _COMMON_NAME), _der(_UTF8, device_id.encode()))
    algorithm = _der(_SEQUENCE, _der(_OID, _EC_PUBLIC_KEY), _der(_OID, _PRIME256V1))
    info = _der(
        _SEQUENCE,
        _der(_INTEGER, b"\x00"),
        _der(_SEQUENCE, _der(_SET, name)),
        _der(_SEQUENCE, algorithm, _der(_BIT_STRING, b"\x00\x04", public)),
        _der(_ATTRIBUTES, _extension_request(b"spiffe://fieldrec/device/" + device_id.encode())),
    )
    signature = keypair.sign(private, hashlib.sha256(info).digest())
    pair = _der(_SEQUENCE, _integer(signature[:32]), _integer(signature[32:]))
    signed_by = _der(_SEQUENCE, _der(_OID, _ECDSA_WITH_SHA256))
    return _der(_SEQUENCE, info, signed_by, _der(_BIT_STRING, b"\x00", pair))


def _extension_request(uri):
    names = _der(_SEQUENCE, _der(_URI, uri))
    extension = _der(_SEQUENCE, _der(_OID, _SUBJECT_ALT_NAME), _der(_OCTET_STRING, names))
    return _der(_SEQUENCE, _der(_OID, _EXTENSION_REQUEST), _der(_SET, _der(_SEQUENCE, extension)))


def _der(tag, *parts):
    """Tag, length, value (X.690 section 8.1); lengths under 64 KiB."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        return tag + bytes((size,)) + value
    if size < 0x100:
        return tag + bytes((0x81, size)) + value
    return tag + bytes((0x82, size >> 8, size & 255)) + value


def _integer(number):
    """An unsigned big-endian number: no leading zeros but the one that keeps it positive."""
    number = number.lstrip(b"\x00")
    return _der(_INTEGER, b"\x00" + number if number[0] & 0x80 else number)
