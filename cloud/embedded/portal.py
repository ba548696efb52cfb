"""The web UI as one of the embedded servers: on this machine alone, and so without TLS."""

from collections.abc import Mapping
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from cloud.embedded.python import PythonServer


class Portal(PythonServer):
    """Told nothing of the stores. `dashboard_url` is the API's; `certificate` and key are its own, for TLS."""

    def __init__(
        self, data: Path, port: int, dashboard_url: str, ca: Path, certificate: tuple[Path, Path]
    ) -> None:
        super().__init__("portal", data, port)
        self.settings: Mapping[str, str] = {
            "FIELDREC_DASHBOARD_URL": dashboard_url,
            "FIELDREC_CA_CERT": str(ca),
            "FIELDREC_PORTAL_URL": self.url,
            "FIELDREC_PORTAL_PORT": str(port),
            "FIELDREC_TLS_CERT": str(certificate[0]),
            "FIELDREC_TLS_KEY": str(certificate[1]),
        }

    @property
    def url(self) -> str:
        """http is safe here: it does not leave this machine, and browsers would not know our CA."""
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return ["-m", "cloud.portal"]

    def ask(self) -> None:
        with build_opener(ProxyHandler({})).open(f"{self.url}/health", timeout=2):
            pass
