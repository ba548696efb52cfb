"""One etcd behind TLS, the program that a package brings: `python -m cloud.deploy.etcd --folder DIR ...`."""

import argparse
import os
from pathlib import Path

from cloud.embedded.etcd import BINARY

PORT = 2379
_PEER = "http://127.0.0.1:2380"


def command(
    folder: Path, certificate: Path, key: Path, listen: str = "0.0.0.0", port: int = PORT
) -> list[str]:
    """Its peer address stays on this machine: it has no peers."""
    options = {
        "name": "fieldrec",
        "data-dir": folder,
        "cert-file": certificate,
        "key-file": key,
        "listen-client-urls": f"https://{listen}:{port}",
        "advertise-client-urls": f"https://etcd:{port}",
        "listen-peer-urls": _PEER,
        "initial-advertise-peer-urls": _PEER,
        "initial-cluster": f"fieldrec={_PEER}",
        "auto-compaction-retention": "1h",
        "log-level": "warn",
    }
    return [str(BINARY), *(f"--{name}={value}" for name, value in options.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    for name in ("folder", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = command(**vars(parser.parse_args()))
    os.execv(given[0], given)


if __name__ == "__main__":
    main()
