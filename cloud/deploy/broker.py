"""mosquitto and its keeper in a container: `python -m cloud.deploy.broker --folder /var/lib/mosquitto ...`.

What the embedded cloud writes before it starts the broker is written here; then its keeper runs.
"""

import argparse
import asyncio
import logging
import shutil
from pathlib import Path

from cloud.embedded import mosquitto, mosquitto_main
from cloud.embedded.material import CONNECTIONS


def prepare(folder: Path, port: int, listen: str, server: Path, ca: Path) -> None:
    """`server`: its certificate; the key is beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    mosquitto.write(folder, port, CONNECTIONS)
    (folder / "mosquitto.conf").write_text(mosquitto.configuration(folder, port, listen))
    for source, name in ((ca, "ca.pem"), (server, "server.pem"), (server.with_suffix(".key"), "server.key")):
        shutil.copyfile(source, folder / name)
    mosquitto.own(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--listen", default="127.0.0.1")
    for name, words in _FILES.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=words)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    prepare(given.folder, given.port, given.listen, given.server, given.ca)
    key = given.client.with_suffix(".key")
    asyncio.run(mosquitto_main.serve(given.port, given.folder, given.client, key, given.ca, given.crl))


_FILES = {
    "folder": "what it keeps; it has to last",
    "server": "its certificate, with the key beside it as .key",
    "client": "the keeper's certificate, with the key beside it as .key",
    "ca": "the CA of devices and services",
    "crl": "the revocation list that registration writes",
}


if __name__ == "__main__":
    main()
