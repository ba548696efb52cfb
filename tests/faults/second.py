"""A second OTA process beside the cloud's own: it stands for the election, and takes over when that one dies."""

import os
import sys

import uvicorn

from cloud.embedded.python import Service
from cloud.ota.app import create_app
from cloud.settings import Settings


class SecondOta(Service):
    """Like the cloud's own, with a client id of its own."""

    def arguments(self) -> list[str]:
        return ["-m", "tests.faults.second", str(self.port)]


def main(port: int) -> None:
    settings = Settings.from_env(os.environ)
    uvicorn.run(
        create_app(settings, client_id="service-ota-2"),
        host=settings.listen,
        port=port,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
