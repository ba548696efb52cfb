"""What the portal asks, against the schema; and what people fill in, as the API takes it."""

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from cloud.dashboard.limits import COST_MAX, cost_of
from cloud.portal import words
from cloud.portal.api import ApiError
from cloud.portal.app import _inside
from cloud.portal.pages.device import labels_of, setting_of
from cloud.portal.pages.fleet import NARROWED_BY, filter_of
from cloud.portal.pages.wizard import FIRST_GROUPS, input_of
from cloud.portal.queries import QUERIES

SCHEMA = build_schema((Path(__file__).parents[2] / "docs/api/schema.graphql").read_text())
FORM = {
    "release": "ab", "board": "", "version": "", "group": "", "label": "", "ids": "", "success": "100", "error": "10",
    "retries": "0", "deadline": "", "forced": "", "rollback": "",
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
def test_an_operation_fits_the_schema_and_its_limits(name):
    document = parse(QUERIES[name])
    assert validate(SCHEMA, document) == []
    assert cost_of(SCHEMA, document, {"first": 50}, name) <= COST_MAX / 2


def test_what_narrows_a_list_is_the_apis_filter():
    nothing = dict.fromkeys(NARROWED_BY, "")
    assert filter_of(nothing) == {"decommissioned": False}
    found = filter_of(nothing | {"q": "dev", "group": "-", "online": "no", "label": "site=oslo"})
    labels = [{"name": "site", "value": "oslo"}]
    assert found == {"text": "dev", "group": "", "online": False, "labels": labels, "decommissioned": False}


def test_a_form_is_a_campaign():
    asked = input_of(FORM | {"ids": "a, b c", "deadline": "2", "forced": "yes"}, list(FIRST_GROUPS))
    assert asked["filter"] == {"ids": ["a", "b", "c"]}
    assert asked["deadlineS"] == 172_800 and asked["forced"] and asked["errorThreshold"] == 0.1
    assert [group.get("count") or group["share"] for group in asked["groups"]] == [1, 1.0]


def test_what_is_no_number_is_said_so():
    with pytest.raises(ApiError, match="halts is 'many': give a number"):
        input_of(FORM | {"error": "many"}, list(FIRST_GROUPS))


def test_labels_and_settings_as_they_are_written():
    assert labels_of("site=oslo\nowner = city, x=") == {"site": "oslo", "owner": "city", "x": ""}
    with pytest.raises(ApiError, match="'oslo' is no label"):
        labels_of("oslo")
    assert [setting_of(text) for text in ("", "5", "true", "demo", '"5"')] == [None, 5, True, "demo", "5"]


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "x"]
)
def test_a_sign_in_leads_to_no_other_place(to):
    assert _inside(to) == "/devices"


def test_a_device_without_a_heartbeat_has_a_state_in_words():
    assert "no word yet" in words.state(None) and "no word yet" in words.state("")
    assert 'data-tone="bad"' in words.state("RECORD", going=True)


def test_a_change_is_said_by_what_differs():
    assert words.changed({"a": 1, "b": 2}, {"a": 1, "b": 3}) == "b 2 → 3"
    assert words.changed(None, {"release": "ab", "labels": {}}) == "release ab"
    assert words.changed({"role": "viewer"}, None) == f'{{"role": "viewer"}} → {words.NOTHING}'
    assert words.changed(None, None) == ""


def test_what_a_device_says_is_text():
    said = str(words.pill("<img src=x onerror=alert(1)>"))
    assert "<img" not in said and "&lt;img" in said
