"""Valid examples for each parser: what the real tools write, and what servers and brokers say."""

import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.forge import NEXT_ROOT, RELEASE, ROOT, Forged, key, keyring, ring, root_keys
from tests.network.lab import Authority
from tools import signing
from wire import dsse

JOB = {
    "v": 1, "job": "7f3a", "kind": "app", "release": "fieldrec 1.1.0", "version": "1.1.0", "digest": "ab" * 32,
    "url": "https://127.0.0.1:8443/o/sha256/ab?e=1&s=2", "url_expires": "2026-01-01T00:00:00Z", "size": 150000,
    "forced": False,
}  # fmt: skip
RECORD = {
    "active": "b", "state": "trial", "tries_left": 2, "previous": "a", "security_floor": 3, "reason": "", "release": "",
}  # fmt: skip
SETTINGS = {
    "wifi_on": True,
    "wifi_ssid": "field",
    "segment_s": 60,
    "record_max_decic": 600,
    "long_target_mv": 4000,
}
HEARTBEAT = {
    "v": 1, "state": "IDLE", "vbat_mv": 3900, "soc_pct": 70, "temp_decic": 251,
    "versions": {"app": "1.0.0", "runtime": "1.29.0"}, "slot": "a", "uptime_s": 5, "mem_free": 9000,
    "counters": {"x": 1},
}  # fmt: skip
ANSWER = {"v": 1, "certificate": "MIIB", "ca": "MIIB", "mqtt": {"host": "127.0.0.1", "port": 8883}}


def of_json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def pieces(*bodies: bytes) -> bytes:
    """A chunked answer."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"


def packet(head: int, body: bytes) -> bytes:
    size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
    return bytes([head]) + size + body


def published(topic: str, payload: bytes, qos: int = 1) -> bytes:
    name = topic.encode()
    number = b"\0\7" if qos else b""
    return packet(0x30 | qos << 1, len(name).to_bytes(2, "big") + name + number + payload)


CONNACK, PUBACK, SUBACK, PINGRESP = b"\x20\2\0\0", b"\x40\2\0\1", b"\x90\3\0\1\1", b"\xd0\0"
NOTIFY = "fieldrec/v1/dev-1/jobs/notify"


def device() -> dict[str, list[bytes]]:
    release = Forged()
    manifest = json.loads(release.manifest)
    rings = of_json(
        keyring(), keyring(version=8), keyring(version=9, roots=root_keys(ROOT, NEXT_ROOT, version=2))
    )
    ok = http("201 Created", json.dumps(ANSWER).encode(), "Content-Type: application/json")
    part = ["Content-Type: application/octet-stream", "Content-Range: bytes 100-163/4000"]
    signature = signing.sign(RELEASE, dsse.PAYLOAD_TYPE_MANIFEST, b"x")[1]
    return {
        "header": [release.bytes()[:20], b"FREL" + bytes(16)],
        "front": [release.after(ring(version=8)).bytes()[:3000], ring()],
        "envelope": [Forged().envelope, ring(), Forged().sign().envelope],
        "manifest": [*of_json(manifest), release.manifest],
        "keyring": rings,
        "newer keyring": rings,
        "version": [b"1.2.3", b"1.2.3-rc.1", b"0.0.0+build.5", b"10.20.30-alpha.1.x-y+a.b"],
        "topic": [NOTIFY.encode(), b"fieldrec/v1/dev-1/commands/reboot/result"],
        "url": [b"https://127.0.0.1:8443/o/sha256/ab?e=1", b"https://cloud.example", b"https://h:1/"],
        "http answer": [
            ok, pieces(b'{"v":1,', b'"a":[1,2]}'), http("403 Forbidden", b'{"error":"no"}'),
            http("204 No Content", b""),
            http("200 OK", b"<html>", "Content-Type: text/html"), http("200 OK", b"{}", "Connection: close"),
        ],
        "http range": [
            http("206 Partial Content", bytes(64), *part), http("200 OK", bytes(200)), http("503 Busy", b"later"),
            http("403 Forbidden", b"expired"), pieces(bytes(64)),
        ],
        "enrolment": [ok, http("403 Forbidden", b'{"error":"claim token is not known"}')],
        "mqtt": [
            CONNACK + SUBACK + published(NOTIFY, json.dumps(JOB).encode()[:120]) + PUBACK + PINGRESP,
            CONNACK + published(NOTIFY, b'{"v":1,"job":null}', 0),
            CONNACK + published(NOTIFY, bytes(600)) + PUBACK,
            b"\x20\2\0\5",
        ],
        "job": of_json(JOB, {"v": 1, "job": None}),
        "settings": of_json(SETTINGS),
        "json file": of_json(SETTINGS, JOB, [1, 2.5, None, "x"]),
        "boot record": of_json(RECORD, {**RECORD, "state": "confirmed", "active": "a"}),
        "signature": [signing.public_key(RELEASE) + bytes(32) + signature, signing.public_key(key(3)) + bytes(96)],
    }  # fmt: skip


def host() -> dict[str, list[bytes]]:
    update = {"v": 1, "status": "IN_PROGRESS", "step": "downloading", "progress_pct": 40, "detail": ""}
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dev-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(private, hashes.SHA256())
    der = request.public_bytes(serialization.Encoding.DER)
    return {
        "release file": [Forged().bytes(), Forged().after(ring(version=8)).bytes()],
        "heartbeat": of_json(HEARTBEAT),
        "presence": of_json({"v": 1, "online": True, "since": "2026-01-01T00:00:00Z"}),
        "event": of_json({"v": 1, "kind": "boot", "at": "2026-01-01T00:00:00Z", "row": 7}),
        "job update": of_json(update),
        "certificate request": [der],
        "range header": [b"bytes=0-99", b"bytes=5-5", b"bytes=-5"],
        "keyring file": [ring()],
        "key file": [RELEASE.to_pem()],
    }


def write(folder: Path, examples: dict[str, list[bytes]]) -> None:
    """A folder a parser, a file an example."""
    for parser, found in examples.items():
        (folder / parser).mkdir(parents=True)
        for number, data in enumerate(found):
            (folder / parser / str(number)).write_bytes(data[:4000])


def write_all(folder: Path) -> None:
    authority = Authority(folder)
    certificates = [authority.der, authority.device("dev-1")[0]]
    planted = {parser: [b"an example"] for parser in ("wrong", "hangs", "keeps", "crashes")}
    write(folder / "examples", {**device(), "certificate": certificates, **planted})
