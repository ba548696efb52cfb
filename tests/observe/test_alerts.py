"""Alerts fire when they should, each has a runbook, and whatever is asked for is there."""

import json
import re
import shutil
import subprocess

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import REGISTRY

from cloud.observe import fleet, metrics, watch
from tests.house.tree import ROOT

FOLDER = ROOT / "cloud/deploy/prometheus"
BOARD = ROOT / "cloud/deploy/grafana/dashboard.json"
DOC = ROOT / "docs/observability.md"


def alerts() -> list[dict]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def names() -> set[str]:
    """Of all metrics, as they are exposed: those of a process, those of the fleet, those of the moment."""
    assert metrics.REQUESTS
    counted = {
        sample
        for collector in list(REGISTRY._collector_to_names)
        for sample in REGISTRY._collector_to_names[collector]
        if sample.startswith("fieldrec_")
    }
    read = {each.name for each in (*fleet.REGISTRATION, *fleet.OTA)}
    moment = set(re.findall(r'"(fieldrec_[a-z_]+)"', "".join((ROOT / f).read_text() for f in OF_THE_MOMENT)))
    return counted | read | moment


OF_THE_MOMENT = ("cloud/observe/watch.py", "cloud/observe/fleet.py")


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"fieldrec_[a-z_]+", text))


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian's prometheus)")
@pytest.mark.parametrize("what", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_promtool(what):
    run = subprocess.run(["promtool", *what], cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_alert_is_tried_and_has_a_runbook():
    tried = {each["name"] for each in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]}
    runbooks = dict(re.findall(r"### (\w+)\n(page|ticket)\. ", DOC.read_text()))
    assert {each["alert"] for each in alerts()} - tried == set()
    assert {each["alert"]: each["labels"]["severity"] for each in alerts()} == runbooks


def test_what_alerts_and_the_board_ask_for_is_there():
    texts = [(FOLDER / "alerts.yml").read_text(), BOARD.read_text()]
    assert [sorted(asked_for(text) - names()) for text in texts] == [[], []]


def test_each_metric_is_described():
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in names()}
    families -= {name.removesuffix("_total") for name in families if name.endswith("_total")}
    written = set(re.findall(r"`(fieldrec_[a-z_]+)`", DOC.read_text()))
    assert sorted(families - written) == []
    assert sorted(written - families) == []


def test_the_board_has_room_for_each_panel():
    taken: set[tuple[int, int]] = set()
    panels = json.loads(BOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_a_route_is_not_a_path():
    assert watch.route_of({"path": "/v1/devices/dev-1"}) == "none"


@pytest.mark.parametrize(
    "name, label",
    [
        ("heartbeat", "heartbeat"),
        ("jobs/get", "jobs/get"),
        ("jobs/7/update", "jobs/+/update"),
        ("commands/reboot/result", "commands/+/result"),
        ("commands/reboot", "commands/+"),
    ],
)
def test_labels_have_few_values(name, label):
    assert metrics.topic_of(name) == label
