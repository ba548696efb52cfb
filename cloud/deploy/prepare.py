"""What a deployment needs before its first start: certificates, secrets, and the files that name them.

`python -m cloud.deploy.prepare DIR --host NAME` makes what is missing in DIR; certificates of servers and services
are issued afresh each time, so it is run again before they end. The CA's key and the secrets stay as they are.

DIR/pki, DIR/secrets   as in the embedded cloud (cloud/embedded/material.py)
DIR/keys               roots.json and keyring.json, put there by hand: whose releases are taken
DIR/compose.env        for compose.yaml: `podman compose --env-file DIR/compose.env -f cloud/deploy/compose.yaml up`
DIR/secrets.yaml       for Kubernetes, with values: to be applied and not to be committed
"""

import argparse
import os
from base64 import b64encode
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from cloud import pki
from cloud.embedded.material import CONNECTIONS, HOSTS, Material
from cloud.embedded.mosquitto import INSTANCES

NAMESPACE = "fieldrec"
SERVERS = ("registration", "ota", "dashboard", "portal", "objects", "broker", "postgres", "redis", "etcd")
FOLDERS = ("crl", "objects", "mosquitto", "etcd")  # of the compose file's servers
PROCESSES = 8  # of a service that takes from the broker; no more than its rules know
assert PROCESSES <= INSTANCES


class KeysMissing(Exception):
    """roots.json or keyring.json is not where it should be."""


def prepare(folder: Path, host: str, postgres_url: str = "", redis_url: str = "") -> None:
    """`host`: what devices and people call the cloud. Without the URLs, those of the compose file's stores."""
    material = Material(folder, (host, *SERVERS, *(f"{name}.{NAMESPACE}.svc" for name in SERVERS), *HOSTS))
    for name in ("roots.json", "keyring.json"):
        if not (folder / "keys" / name).is_file():
            raise KeysMissing(
                f"there is no {folder / 'keys' / name}; copy it from the folder of `fieldrec keys new`"
            )
    material.make()
    for name in CONNECTIONS:
        for number in range(2, PROCESSES + 1):
            material.issue(f"{name}-{number}")
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    passwords = {name: material.secret(name) for name in ("postgres", "redis")}
    urls = {
        "FIELDREC_POSTGRES_URL": postgres_url
        or f"postgresql://fieldrec:{passwords['postgres']}@postgres/fieldrec",
        "FIELDREC_REDIS_URL": redis_url or f"redis://:{passwords['redis']}@redis:6379/0",
    }
    pki.write_secret(folder / "compose.env", _environment(folder, host, passwords | urls))
    pki.write_secret(folder / "secrets.yaml", manifests(material, folder / "keys", urls).encode())


def _environment(folder: Path, host: str, more: dict[str, str]) -> bytes:
    said = {
        "FIELDREC_DIR": str(folder.resolve()),
        "FIELDREC_PUBLIC_HOST": host,
        "FIELDREC_USER": f"{os.getuid()}:{os.getgid()}",  # whose the files are, and so who may read them
        "POSTGRES_PASSWORD": more["postgres"],
        "REDIS_PASSWORD": more["redis"],
    }
    return "".join(f"{name}={value}\n" for name, value in said.items()).encode()


def manifests(material: Material, keys: Path, urls: dict[str, str]) -> str:
    """The Secrets that cloud/deploy/kubernetes names."""
    common = [material.ca, *material.server, keys / "roots.json", keys / "keyring.json"]
    common += [material.secret_file(name) for name in ("admin-token", "metrics-token", "mqtt-share")]
    made = [_secret("fieldrec-environment", {name: value.encode() for name, value in urls.items()})]
    made += [_of_files("fieldrec-common", common), _of_files("fieldrec-ca", [material.ca_key])]
    for service in ("registration", "ota"):
        made.append(_of_files(f"fieldrec-mqtt-{service}", sorted(material.pki.glob(f"service-{service}*"))))
    public = [material.ca, *material.server]
    return yaml.safe_dump_all([*made, _of_files("fieldrec-portal", public)], sort_keys=False)


def _of_files(name: str, files: list[Path]) -> dict:
    return _secret(name, {file.name: file.read_bytes() for file in files})


def _secret(name: str, values: dict[str, bytes]) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {key: b64encode(value).decode() for key, value in values.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--host", required=True, help="what devices and people call the cloud")
    parser.add_argument("--postgres-url", default="", help="for Kubernetes, with a password")
    parser.add_argument("--redis-url", default="", help="for Kubernetes, with a password")
    given = parser.parse_args()
    try:
        prepare(given.folder, given.host, given.postgres_url, given.redis_url)
    except KeysMissing as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
