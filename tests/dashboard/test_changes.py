"""Changes go to the service whose they are, with the caller's name; the audit log has what was before and after."""

import pytest

from cloud import audit
from cloud.changes import IDS_MAX, _messages
from cloud.db import change_hash

MARK = """
mutation ($ids: [ID!]!) { labelDevices(ids: $ids, on: [{name: "site", value: "s1"}]) {
  ... on DevicesChanged { devices { id labels { name value } } } ... on Problem { __typename message } } }
"""
AUDIT = """
query ($people: Boolean!, $what: String) { audit(people: $people, what: $what) {
  edges { node { who what subject why before after seal } } } }
"""
PROBLEM = "... on Problem { __typename message }"


async def test_a_change_by_name(lab):
    ids = await lab.rows_of_devices(2)
    done = (await lab.ask(MARK, "operator", ids=ids)).only
    assert done["devices"][0] == {"id": ids[0], "labels": [{"name": "site", "value": "s1"}]}
    rows = (await lab.ask(AUDIT, people=True, what="device.")).only["edges"]
    row = rows[-1]["node"]
    assert (row["who"], row["subject"], row["why"]) == ("token:operator", f"device:{ids[0]}", "site=s1")
    assert (row["before"], row["after"]) == ({"labels": {}}, {"labels": {"site": "s1"}})


async def test_what_is_refused_says_why(lab):
    got = (await lab.ask(MARK, "operator", ids=["none-such"])).only
    assert got == {"__typename": "NotFound", "message": "not enrolled: none-such"}
    pause = f'mutation {{ pauseCampaign(id: "7") {{ {PROBLEM} }} }}'
    assert (await lab.ask(pause, "operator")).only["__typename"] == "NotFound"
    bad = f'mutation {{ createCampaign(input: {{release: "x", groups: []}}) {{ {PROBLEM} }} }}'
    assert (await lab.ask(bad, "operator")).only["__typename"] == "Invalid"


async def test_a_campaign_from_plan_to_abort(lab):
    await lab.devices(1)
    release = await lab.release()
    asked = {"release": release, "filter": {"board": "virtual"}, "groups": [{"name": "all", "share": 1.0}]}
    plan = (await lab.ask(_PLAN, "operator", asked=asked)).only
    assert (plan["devices"], plan["groups"]) == (1, [{"name": "all", "size": 1}])
    made = (await lab.ask(_CREATE, "operator", asked=asked)).only["campaign"]
    for action, status in (("pause", "PAUSED"), ("resume", "RUNNING"), ("abort", "ABORTED")):
        query = f'mutation {{ {action}Campaign(id: "{made["id"]}", why: "try") {{'
        query += f" ... on CampaignChanged {{ campaign {{ status }} }} {PROBLEM} }} }}"
        assert (await lab.ask(query, "operator")).only == {"campaign": {"status": status}}
    rows = (await lab.ask(AUDIT, people=True, what="campaign.")).only["edges"]
    assert rows[0]["node"]["before"] == {"status": "RUNNING"} and rows[0]["node"]["why"] == "try"
    assert rows[-1]["node"]["after"]["filter"] == {"board": "virtual"}


async def test_changes_are_in_the_chain(lab):
    (device,) = await lab.rows_of_devices(1)
    assert (await lab.registration.post("/v1/claims", json={})).status_code == 201  # no change, but a row
    await lab.ask(MARK, "operator", ids=[device])
    await lab.until(lambda rows: not rows, "SELECT 1 FROM audit WHERE seal IS NULL")
    rows = await lab.rows("SELECT * FROM audit ORDER BY seal")
    assert audit.check(rows)[0] == len(rows)
    (place,) = [n for n, row in enumerate(rows) if row["what"] == "device.marked"]
    for forged in ({"after": {"labels": {"site": "s2"}}}, {"before": None, "after": None}):
        with pytest.raises(audit.ChainBroken):
            audit.check([*rows[:place], rows[place] | forged, *rows[place + 1 :]])
    other = next(n for n, row in enumerate(rows) if row["after"] is None)
    with pytest.raises(audit.ChainBroken):
        audit.check([*rows[:other], rows[other] | {"after": {"x": 1}}, *rows[other + 1 :]])


async def test_a_release_is_handed_on(lab):
    from tests.cloud.fleet import release_file

    path = release_file(lab.folder, lab.release_key, "1.2.0")
    sent = {}
    for role in ("viewer", "operator"):
        headers = {"Authorization": f"Bearer {lab.tokens[role]}"}
        sent[role] = await lab.client.post("/v1/releases", content=path.read_bytes(), headers=headers)
    assert (sent["viewer"].status_code, sent["operator"].status_code) == (403, 201)
    releases = (
        await lab.ask("{ releases { digest version compatibility { fits } running requires { kind } } }")
    ).only
    assert releases[0]["digest"] == sent["operator"].json()["digest"] and releases[0]["version"] == "1.2.0"


def test_a_burst_is_few_messages():
    assert len(_messages({"device": {str(n) for n in range(IDS_MAX)}})) == 1
    assert len(_messages({"device": {str(n) for n in range(IDS_MAX)}, "campaign": {"1"}})) == 2


def test_the_order_of_names_does_not_count():
    assert (
        change_hash({"a": 1, "b": 2}, None)
        == change_hash({"b": 2, "a": 1}, None)
        != change_hash(None, {"a": 1, "b": 2})
    )


_PLAN = """
mutation ($asked: CampaignInput!) { dryRunCampaign(input: $asked) {
  ... on CampaignPlan { devices groups { name size } leftOut { why } } ... on Problem { message } } }
"""
_CREATE = """
mutation ($asked: CampaignInput!) { createCampaign(input: $asked) {
  ... on CampaignChanged { campaign { id status } } ... on Problem { message } } }
"""
