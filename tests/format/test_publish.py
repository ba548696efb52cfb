"""Publishing over real TLS, to a server that keeps what it gets or refuses it."""

import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.release_publish import publish
from tools.service import ServiceError, Where, opened

TAKEN = {"digest": "d" * 64, "kind": "app", "name": "fieldrec", "version": "1.1.0"}


class Service(http.server.HTTPServer):
    """Keeps the last request in `got`, and answers with `answer`: (status, body)."""

    got: tuple = ()
    answer = (201, json.dumps(TAKEN).encode())
    url = ""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self):
        self.server.got = (
            self.path,
            dict(self.headers),
            self.rfile.read(int(self.headers["Content-Length"])),
        )
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of a server at 127.0.0.1, its own CA."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def service(certificate: tuple[Path, Path]) -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(path: Path, url: str, ca: Path, on_progress=lambda sent: None) -> dict:
    with opened(Where("ota", Path(), url, ca, "secret")) as service:
        return publish(service, path, on_progress)


def test_the_file_arrives_as_it_is_with_the_token(service, certificate, signed):
    progress: list[int] = []
    assert send(signed, service.url + "/", certificate[0], progress.append) == TAKEN
    path, headers, body = service.got
    assert (path, headers["Authorization"]) == ("/v1/releases", "Bearer secret")
    assert headers["Content-Type"] == "application/octet-stream"
    assert body == signed.read_bytes() and progress[-1] == len(body)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (409, b'{"error": "1.1.0 exists with another digest"}', "409: 1.1.0 exists with another digest"),
        (422, b'{"detail": "release not trusted: no signature"}', "422: release not trusted: no signature"),
        (401, b'{"error": "no valid token"}', "401: no valid token"),
        (500, b"<html>oops</html>", "500: <html>oops</html>"),
        (302, b"", "302: "),
    ],
)
def test_a_refusal_comes_in_the_service_s_words(status, body, words, service, certificate, signed):
    service.answer = (status, body)
    with pytest.raises(ServiceError, match=f"refused, status {words}"):
        send(signed, service.url, certificate[0])


def test_nobody_there(certificate, signed):
    with pytest.raises(ServiceError, match="can't be reached"):
        send(signed, "https://127.0.0.1:1", certificate[0])


def test_a_ca_that_is_none(signed):
    with pytest.raises(ServiceError, match="is no certificate in PEM"):
        send(signed, "https://127.0.0.1:1", signed)


def test_plain_http_would_show_the_token_and_is_refused(certificate, signed):
    with pytest.raises(ServiceError, match="is no https address"):
        send(signed, "http://127.0.0.1:1", certificate[0])
