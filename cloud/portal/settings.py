"""What the portal must be told. It knows no store: what it shows and changes goes through the API."""

from dataclasses import dataclass
from pathlib import Path

from cloud.settings import Environment


@dataclass(frozen=True, kw_only=True)
class PortalSettings(Environment):
    dashboard_url: str  # the GraphQL API's service
    ca_cert: Path  # the CA of its certificate
    portal_url: str  # what people open; http alone on this machine, or where something before it has TLS
    portal_port: int
    tls_cert: Path  # used where portal_url is https
    tls_key: Path
    listen: str = "127.0.0.1"
    oidc_start_url: str = ""  # the dashboard's /v1/oidc/start as browsers reach it, where there is a provider

    @property
    def encrypted(self) -> bool:
        return self.portal_url.startswith("https:")
