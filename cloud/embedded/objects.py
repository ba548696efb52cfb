"""The folder of objects and its HTTPS server, as a server of ours; what runs is cloud/objects/server.py."""

from pathlib import Path

from cloud.embedded.python import PythonServer, ask_health


class Objects(PythonServer):
    """`secret` is the file with the key that presigned URLs are signed with."""

    def __init__(self, data: Path, port: int, secret: Path, certificate: Path, key: Path, ca: Path) -> None:
        super().__init__("objects", data, port)
        self.secret, self.certificate, self.key, self.ca = secret, certificate, key, ca

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        files = [f"--secret={self.secret}", f"--certificate={self.certificate}", f"--key={self.key}"]
        return ["-m", "cloud.objects.server", f"--port={self.port}", f"--folder={self.folder}", *files]

    def ask(self) -> None:
        ask_health(self.url, self.ca)
