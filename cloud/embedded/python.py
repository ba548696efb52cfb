"""Servers written in Python: modules of this project, each in a process of its own."""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from cloud.embedded.server import NotReady, Server

ROOT = Path(__file__).parents[2]


class PythonServer(Server):
    """`settings` is added to the environment of the process."""

    settings: Mapping[str, str] = {}

    def environ(self) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FIELDREC_")}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        return {**ours, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **self.settings}

    def command(self) -> list[str]:
        return [sys.executable, *self.arguments()]

    @abstractmethod
    def arguments(self) -> list[str]:
        """Of the interpreter: a module or a script, and what it gets."""


class Service(PythonServer):
    """One of the cloud's services, by cloud.serve, behind TLS. Ready when /health says so."""

    def __init__(self, name: str, data: Path, port: int, settings: Mapping[str, str]) -> None:
        super().__init__(name, data, port)
        self.settings = settings

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return ["-m", "cloud.serve", self.name]

    def ask(self) -> None:
        ask_health(self.url, Path(self.settings["FIELDREC_CA_CERT"]))


def ask_health(url: str, ca: Path) -> None:
    """Raises NotReady or OSError unless `url`/health answers 200."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    )
    try:
        with opener.open(f"{url}/health", timeout=2) as answer:
            json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise NotReady(f"{url}/health answers {error.code}: {error.read(200)!r}") from error
