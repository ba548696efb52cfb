"""One update is one trace: from the mutation that makes its campaign over MQTT to the device's last report."""

import asyncio
import json

from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tests.observe.collector import Collector, Seen
from tests.observe.conftest import client

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CREATE = "mutation Create($input: CampaignInput!) { createCampaign(input: $input) { __typename } }"


async def test_an_update_is_one_trace(cloud: Cloud, collector: Collector, new_fleet, tmp_path):
    fleet = new_fleet("trace", 1)
    (device,) = fleet.devices
    async with client(cloud, "ota") as ota, client(cloud, "dashboard") as dashboard, fleet.running():
        await fleet.all_online(20)
        path = release_file(tmp_path, cloud.keys / "release.pem", "1.1.0")
        release = (await ota.post("/v1/releases", content=path.read_bytes())).json()["digest"]
        asked = {"release": release, "filter": {"ids": fleet.ids}, "groups": [{"name": "all", "share": 1}]}
        caller = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        body = {"query": CREATE, "variables": {"input": asked}}
        answer = await dashboard.post("/graphql", json=body, headers=caller)
        assert answer.json() == {"data": {"createCampaign": {"__typename": "CampaignChanged"}}}
        spans = await asyncio.to_thread(collector.until, the_end)
    ours = {span.id: span for span in spans if span.trace == TRACE}
    last = next(span for span in ours.values() if span.about.get("fieldrec.status") == "SUCCEEDED")
    assert path_of(last, ours) == [
        "jobs/update SUCCEEDED",
        "jobs/notify",
        "POST /v1/campaigns",
        "POST",
        "POST /graphql",
    ]
    steps = [span.about["fieldrec.step"] for span in ours.values() if span.name.startswith("jobs/update")]
    assert {"downloading", "verifying", "installed", "trial", "confirmed"} == set(steps)
    assert {span.about["fieldrec.device"] for span in ours.values() if span.name.startswith("jobs/")} == {
        device.id
    }
    assert all(span.name for span in ours.values())
    sql = [span for span in ours.values() if span.about.get("db.system") == "postgresql"]
    assert {ours[span.parent].name.split()[0] for span in sql} >= {"POST", "jobs/update"}
    log = [json.loads(line) for line in (cloud.data / "log/ota.log").read_text().splitlines()]
    assert [line["request"]["path"] for line in log if line.get("trace") == TRACE and "request" in line] == [
        "/v1/campaigns"
    ]


def the_end(spans: list[Seen]) -> bool:
    """The services send their spans each by itself: the last may come before those that it comes from."""
    ours = [each for each in spans if each.trace == TRACE]
    known = {each.id for each in ours} | {CALLER}
    return all(each.parent in known for each in ours) and any(
        each.about.get("fieldrec.status") == "SUCCEEDED" for each in ours
    )


def path_of(span: Seen, spans: dict[str, Seen]) -> list[str]:
    """Names from a span up to where its trace came from."""
    names = [span.name]
    while span.parent != CALLER:
        span = spans[span.parent]
        names.append(span.name)
    return names
