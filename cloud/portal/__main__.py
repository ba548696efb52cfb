"""`python -m cloud.portal`, with its settings in the environment."""

import os

import uvicorn

from cloud.observe import logs
from cloud.portal.app import create_app
from cloud.portal.settings import PortalSettings

GRACE_S = 3


def main() -> None:
    settings = PortalSettings.from_env(os.environ)
    logs.start("portal")
    uvicorn.run(
        create_app(settings),
        host=settings.listen,
        port=settings.portal_port,
        ssl_certfile=settings.tls_cert if settings.encrypted else None,
        ssl_keyfile=settings.tls_key if settings.encrypted else None,
        server_header=False,
        log_config=None,  # of cloud/observe/logs.py
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main()
