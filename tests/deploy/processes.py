"""Services as processes of this version or of another, on one database, and devices that go on meanwhile."""

import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from cloud.embedded import ports
from cloud.embedded.python import ROOT, Service
from cloud.processes import Cloud as Stores
from tests.cloud.fleet import Cloud

_KNOWN = "timeout graceful shutdown exceeded"  # of versions that waited for idle clients to say goodbye


class Process(Service):
    """`instance` 1 is the first of its service; `code` is the folder in which its packages are."""

    def __init__(
        self, stores: Stores, service: str, instance: int, database_url: str, folder: Path, code: Path = ROOT
    ):
        port = ports.free(1)[0]
        self.service, self.code, self.stores = service, code, stores
        own = {"POSTGRES_URL": database_url, f"{service.upper()}_PORT": str(port), "INSTANCE": str(instance)}
        if instance == 1 and code != ROOT:
            del own["INSTANCE"]  # the first had none before it could be called 1
        settings = stores.environ_of(service) | {f"FIELDREC_{name}": value for name, value in own.items()}
        super().__init__(f"{service}-{instance}", folder, port, settings)

    def arguments(self) -> list[str]:
        return ["-m", "cloud.serve", self.service]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PYTHONPATH": str(self.code)}

    def client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.stores.admin_token}"}
        trusted = ssl.create_default_context(cafile=str(self.stores.ca))
        return httpx.AsyncClient(base_url=self.url, verify=trusted, headers=headers, timeout=15)

    def complaints(self) -> list[str]:
        """Lines of its log that tell of something that went wrong."""
        words = ("Traceback", "ERROR", "CRITICAL", '"level": "error"', '"level": "critical"')
        lines = [line for line in self.log.read_text().splitlines() if any(word in line for word in words)]
        return [line for line in lines if self.code == ROOT or _KNOWN not in line]


class Fleet(Cloud):
    """Devices and rows, as in the other tests of the cloud; the services are processes."""

    def __init__(self, stores: Stores, folder: Path, stack: AsyncExitStack):
        super().__init__(stores, stores.settings.postgres_url, folder, stack)

    def process(self, service: str, instance: int = 1, code: Path = ROOT) -> Process:
        made = Process(self.stores, service, instance, self.database_url, self.folder, code)
        self.stack.callback(made.stop)
        return made
