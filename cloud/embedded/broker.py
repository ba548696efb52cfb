"""The MQTT broker as a server of ours; what runs in its process is broker_main.py."""

import socket
import ssl
from pathlib import Path

from cloud.embedded.python import PythonServer
from cloud.embedded.server import NotReady

_CONNECT = b"\x00\x04MQTT\x04\x02\x00\x05"  # MQTT 3.1.1, clean session, keep-alive 5 s
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"


class Broker(PythonServer):
    """`certificate`, `key` are its own; `client` is the (certificate, key) of the service to ask it as."""

    def __init__(
        self,
        data: Path,
        port: int,
        certificate: Path,
        key: Path,
        ca: Path,
        client: tuple[Path, Path],
        crl: Path,
    ):
        super().__init__("broker", data, port)
        self.certificate, self.key, self.ca, self.client, self.crl = certificate, key, ca, client, crl

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        names = ("certificate", "key", "ca", "crl")
        files = [f"--{name}={getattr(self, name)}" for name in names]
        return ["-m", "cloud.embedded.broker_main", f"--port={self.port}", *files]

    def ask(self) -> None:
        """Connects as a service would."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(*self.client)
        client_id = f"{self.client[0].stem}-ready".encode()
        body = _CONNECT + len(client_id).to_bytes(2, "big") + client_id
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            link.sendall(bytes([0x10, len(body)]) + body)
            if (answer := link.recv(4)) != _CONNACK_ACCEPTED:
                raise NotReady(f"CONNACK {answer.hex()}")
            link.sendall(b"\xe0\x00")  # DISCONNECT
