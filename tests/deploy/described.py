"""The compose file and the manifests as what a container gets: its environment, and its files."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

import cloud.deploy

FOLDER = Path(cloud.deploy.__file__).parent
COMPOSE = FOLDER / "compose.yaml"
MANIFESTS = sorted((FOLDER / "kubernetes").glob("*.yaml"))


@dataclass(frozen=True)
class Container:
    name: str
    arguments: list[str]  # behind `python -m`
    environ: dict[str, str]
    files: dict[str, Path]  # where it sees them: where they are here

    def here(self) -> dict[str, str]:
        """Its environment, with files as they are called here; KeyError for one that it does not get."""
        return {name: self._here(value) for name, value in self.environ.items()}

    def _here(self, value: str) -> str:
        return str(self.files[value]) if value.startswith("/run/") else value


def compose(prepared: Path) -> dict[str, Any]:
    """As an engine reads it, with the variables of compose.env; KeyError for one that is not in there."""
    variables = dict(line.split("=", 1) for line in (prepared / "compose.env").read_text().splitlines())

    def value(found: re.Match) -> str:
        name, _, default = found[1].partition(":")
        return variables.get(name, default[1:]) if default.startswith("-") else variables[name]

    text = re.sub(r"(?<!\$)\$\{([^}]*)\}", value, COMPOSE.read_text())
    return yaml.safe_load(text.replace("$$", "$"))


def of_compose(prepared: Path) -> Iterator[Container]:
    """Those that run our image."""
    for name, said in compose(prepared)["services"].items():
        if said["image"].startswith("fieldrec/"):
            mounts = [volume.split(":") for volume in said["volumes"]]
            files = {inside: Path(outside) for outside, inside, *_ in mounts}
            yield Container(name, said["command"], said.get("environment", {}), files)


def manifests() -> list[dict[str, Any]]:
    return [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text())]


def of_kubernetes(prepared: Path, folder: Path) -> Iterator[Container]:
    """The Secrets' values are written into `folder`, as a group may read them."""
    secrets = {
        each["metadata"]["name"]: each for each in yaml.safe_load_all((prepared / "secrets.yaml").read_text())
    }
    config = {each["metadata"]["name"]: each for each in manifests() if each["kind"] == "ConfigMap"}
    for each in manifests():
        if each["kind"] in ("StatefulSet", "Deployment"):
            pod = each["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            environ = _environ(container, config, secrets)
            yield Container(container["name"], container["args"], environ, _files(pod, secrets, folder))


def _environ(container: dict, config: dict, secrets: dict) -> dict[str, str]:
    environ: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            environ |= config[source["configMapRef"]["name"]]["data"]
        else:
            environ |= _decoded(secrets[source["secretRef"]["name"]], bytes.decode)
    return environ | {each["name"]: each.get("value", "1") for each in container.get("env", ())}


def _decoded(secret: dict, read) -> dict:
    return {name: read(base64.b64decode(value)) for name, value in secret["data"].items()}


def _files(pod: dict, secrets: dict, folder: Path) -> dict[str, Path]:
    (container,) = pod["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    files = {}
    for volume in pod["volumes"]:
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            (folder / name).mkdir(exist_ok=True)
            for key, content in _decoded(secrets[name], bytes).items():
                path = folder / name / key
                path.write_bytes(content)
                path.chmod(0o600)
                files[f"{mounted[volume['name']]}/{key}"] = path
    return files
