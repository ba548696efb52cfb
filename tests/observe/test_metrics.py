"""What a scraper sees of running services, and what of it when something is away."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tests.observe.conftest import client

Samples = dict[tuple[str, frozenset], float]


async def scrape(http: httpx.AsyncClient) -> Samples:
    answer = await http.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, metric: str, /, **labels: str) -> float:
    """The sum of what has these labels, and maybe others."""
    found = [v for (each, has), v in samples.items() if each == metric and has >= frozenset(labels.items())]
    assert found, f"there is no {metric} with {labels}"
    return sum(found)


async def until(right: Callable[[Samples], bool], http: httpx.AsyncClient) -> Samples:
    async with asyncio.timeout(20):  # numbers out of the database are read now and then
        while not right(samples := await scrape(http)):
            await asyncio.sleep(0.5)
    return samples


def token(cloud: Cloud) -> str:
    return cloud.material.secret("metrics-token")


async def test_the_scrapers_token_reads_metrics_and_nothing_else(cloud: Cloud):
    for service in ("registration", "ota"):
        async with client(cloud, service, token(cloud)) as http:
            assert (await http.get("/metrics")).status_code == 200
            assert (await http.get("/v1/audit" if service == "ota" else "/v1/devices")).status_code == 401
        async with client(cloud, service, "x" * 32) as http:
            assert (await http.get("/metrics")).status_code == 401


async def test_a_campaign_in_numbers(cloud: Cloud, new_fleet, tmp_path: Path):
    fleet = new_fleet("number", 6, {"healthy": 2, "reverting": 1})
    scraped = client(cloud, "ota", token(cloud)), client(cloud, "registration", token(cloud))
    async with (
        scraped[0] as metrics,
        scraped[1] as registration,
        client(cloud, "ota") as ota,
        fleet.running(),
    ):
        await fleet.all_online(20)
        path = release_file(tmp_path, cloud.keys / "release.pem", "1.7.0")
        release = (await ota.post("/v1/releases", content=path.read_bytes())).json()["digest"]
        asked = {
            "release": release,
            "filter": {"ids": fleet.ids},
            "groups": [{"name": "all", "share": 1}],
            "success_threshold": 0.5,
            "error_threshold": 0.9,
        }
        assert (await ota.post("/v1/campaigns", json=asked)).status_code == 201
        await ota.get("/v1/campaigns/1")
        await ota.get("/no/such/path")
        of = {"release": "fieldrec 1.7.0"}
        after = await until(
            lambda seen: (
                ("fieldrec_reverts", frozenset(of.items())) in seen
                and value(seen, "fieldrec_reverts", **of) == 2
            ),
            metrics,
        )
        fleets = await until(lambda seen: value(seen, "fieldrec_devices_online") >= 6, registration)
    assert value(after, "fieldrec_updates", **of, status="SUCCEEDED") == 4
    assert value(after, "fieldrec_jobs", action="install", status="SUCCEEDED") >= 4
    assert value(after, "fieldrec_campaigns", status="SUCCEEDED") >= 1
    assert value(after, "fieldrec_update_seconds_count", kind="app") >= 4
    assert value(after, "fieldrec_job_reports_total", status="FAILED") >= 2
    assert value(after, "fieldrec_messages_total", name="jobs/+/update") >= 6 * 4
    assert value(after, "fieldrec_ingest_lag_seconds_count") > 0
    assert value(after, "fieldrec_leader") == value(after, "fieldrec_bus_connected") == 1
    assert value(after, "fieldrec_database_up") == value(after, "fieldrec_redis_up") == 1
    assert value(after, "fieldrec_tick_seconds_count") > 0
    assert value(after, "fieldrec_certificate_expiry_timestamp_seconds", file="tls_cert") > 1.7e9
    routes = {
        dict(labels).get("route") for name, labels in after if name == "fieldrec_http_request_seconds_count"
    }
    assert {"/v1/campaigns/{campaign}", "none"} <= routes and not any(
        "/no/" in each for each in routes if each
    )
    assert value(fleets, "fieldrec_devices_enrolled") >= 6
    assert value(fleets, "fieldrec_devices_running", kind="app") >= 6
    assert value(fleets, "fieldrec_certificates_expiring", within_days="7") == 0
    assert value(fleets, "fieldrec_revocation_list_age_seconds") >= 0


@pytest.mark.parametrize("away, ready", [("postgres", False), ("redis", True)])
async def test_without_a_store(cloud: Cloud, away: str, ready: bool):
    """Alive, and scraped, and ready or not; a store that hangs is as good as none."""
    (server,) = [each for each in cloud.servers if each.name == away]
    pids = tree(server.process.pid)
    async with client(cloud, "ota", token(cloud)) as http:
        assert (await http.get("/ready")).json() == {"ready": True, "missing": []}
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            answer = await http.get("/ready")
            assert (answer.status_code == 200, answer.json()["ready"]) == (ready, ready)
            assert ("database" in answer.json()["missing"]) == (not ready)
            assert (await http.get("/health")).status_code == 200
            assert (await http.get("/metrics", timeout=15)).status_code == 200
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(20):
            while (await http.get("/ready")).status_code != 200:
                await asyncio.sleep(0.1)


def tree(pid: int) -> list[int]:
    """A process and all that come from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in tree(int(child)))]
