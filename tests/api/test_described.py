"""What describes the interfaces is current, and true of what is said."""

import asyncio
from dataclasses import fields

import jsonschema_rs
import pytest

from cloud.access import ROLES
from cloud.embedded.ports import NAMES
from cloud.liveconfig import NUMBERS
from cloud.settings import Settings, variable
from tests.house.tree import ROOT
from tools.api.__main__ import stale
from tools.api.asyncapi import describe, schema_of
from wire import topics


def test_files_are_current():
    assert stale(ROOT / "docs/api") == [], "run: python -m tools.api docs/api"


def test_each_topic_is_described():
    addresses = {each["address"] for each in describe()["channels"].values()}
    assert len(addresses) == len(topics.TOPICS)


async def test_what_the_cloud_says_of_jobs_is_as_described(cloud):
    """Device fields are checked by the models that the description is made of; these are the cloud's own."""
    schema = schema_of("jobs/notify")
    (device,) = await cloud.devices(1)
    await device.say("jobs/get")
    none = await asyncio.wait_for(device.told.get(), 10)
    await cloud.campaign(await cloud.release(), [device])
    job = await device.job()
    for told in (none, job):
        jsonschema_rs.validate(schema, told)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, {"v": 1, "job": "7"})


def test_each_setting_is_described():
    text = (ROOT / "docs/cloud.md").read_text()
    names = [variable(each.name) for each in fields(Settings)] + list(NUMBERS)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_each_role_is_described():
    text = (ROOT / "docs/cloud.md").read_text()
    columns = ("read", "operate", "publish", "approve", "administer")
    for role, may in ROLES.items():
        cells = " | ".join("yes" if each in may else "" for each in columns)
        assert f"| {role} | {cells} |".replace("|  |", "| |").replace("|  |", "| |") in text, role


def test_each_topic_and_port_is_in_words():
    text = (ROOT / "docs/protocol.md").read_text()
    assert [
        name for name in topics.TOPICS if name.replace("+", "").strip("/").split("/")[0] not in text
    ] == []
    assert [name for name in NAMES if name not in (ROOT / "docs/cloud.md").read_text()] == []
