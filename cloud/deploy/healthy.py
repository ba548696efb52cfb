"""Exit code 0 if a service answers: `python -m cloud.deploy.healthy https://127.0.0.1:8443 /run/fieldrec/ca.pem`."""

import sys
from pathlib import Path

from cloud.embedded.python import ask_health
from cloud.embedded.server import NotReady


def main(url: str, ca: str) -> None:
    try:
        ask_health(url, Path(ca))
    except (NotReady, OSError) as error:
        raise SystemExit(f"{url}: {error}") from error


if __name__ == "__main__":
    main(*sys.argv[1:])
