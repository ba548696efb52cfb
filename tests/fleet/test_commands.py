"""The commands of whoever operates a fleet, against services as they run: campaign, release, audit, fleet, policies."""

import asyncio
import json
import re
import secrets
import ssl
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tools.cli import main

WHOLE = ("--group", "all:100%")
WATCH = ("campaign", "watch", "--within-s", 20)
WHATEVER = ("--error-threshold", 1, "--success-threshold", 0)  # becomes of it


@pytest.fixture
def fieldrec(cloud: Cloud):
    """`await fieldrec("campaign", "list")`: its output, as of one who gives --data. Exit code `code` is expected."""

    async def run(*words: object, code: int = 0, where: tuple = ("--data", cloud.data)) -> str:
        given = [str(word) for word in (*words, *where)]
        done = await asyncio.to_thread(CliRunner().invoke, main, given)
        assert done.exit_code == code, f"{given}: {done.output}"
        return done.output

    return run


@pytest.fixture
def publish(cloud: Cloud, fieldrec):
    async def run(version: str) -> str:
        path = release_file(cloud.data, cloud.keys / "release.pem", version)
        said = await fieldrec("release", "publish", path, "--json")
        return json.loads(said)["digest"]

    return run


@pytest.fixture
def another(cloud: Cloud):
    """The options of another person, who approves: by address and token, as from another machine."""
    trusted, admin = ssl.create_default_context(cafile=cloud.ca), f"Bearer {cloud.admin_token}"
    asked, url = (
        {"name": f"second-{secrets.token_hex(4)}", "role": "approver", "days": 1},
        cloud.urls["registration"],
    )
    with httpx.Client(verify=trusted, headers={"Authorization": admin}, trust_env=False) as http:
        made = http.post(f"{url}/v1/tokens", json=asked).json()
    return "--url", cloud.urls["ota"], "--ca", cloud.ca, "--token", made["token"]


def number(said: str) -> str:
    (found,) = re.findall(r"^campaign (\d+)$", said, re.MULTILINE)
    return found


async def test_a_campaign_from_its_plan_to_its_end(new_fleet, fieldrec, publish):
    assert "no runtime releases are published" in await fieldrec("release", "list", "runtime")
    digest = await publish("61.1.0")
    assert "fieldrec@61.1.0" in await fieldrec("release", "list", "app")
    fleet = new_fleet("end", 8)
    only = [word for each in fleet.ids for word in ("--device", each)]
    groups = ("--group", "canary:2", "--group", "rest:100%")
    async with fleet.running():
        await fleet.all_online(20)
        planned = await fieldrec("campaign", "create", digest[:8], *groups, *only, "--dry-run")
        assert planned.splitlines()[0] == "fieldrec 61.1.0 for 8 devices, 0 approvals needed"
        patience = ("--step-timeout-s", "900", "--deferral-timeout-s", "3600")
        campaign = number(await fieldrec("campaign", "create", "fieldrec@61.1.0", *groups, *only, *patience))
        watched = (await fieldrec(*WATCH, campaign)).splitlines()
        assert watched[-1] == "SUCCEEDED" and "rest 6 of 6, 0 failed, SUCCEEDED" in watched[-2]
        shown = await fieldrec("campaign", "show", campaign)
        assert f"digest {digest}" in shown and re.search(r"rest +SUCCEEDED +6 devices  6 SUCCEEDED", shown)
        told = json.loads(await fieldrec("campaign", "show", campaign, "--json"))
        assert (told["status"], told["step_timeout_s"], told["deferral_timeout_s"]) == (
            "SUCCEEDED",
            900,
            3600,
        )
        assert f"{campaign} SUCCEEDED  fieldrec 61.1.0" in await fieldrec("campaign", "list")
        why = await fieldrec("campaign", "why", fleet.ids[0])
        assert why == "no campaign brings it an app release now\n"


async def test_what_fails_halts_and_is_parked_and_let_go(new_fleet, fieldrec, publish):
    digest, fleet = await publish("62.1.0"), new_fleet("fail", 4, {"failing": 3, "healthy": 1})
    of = ("62.1.0", *(word for each in fleet.ids for word in ("--device", each)))
    campaign = "campaign", "create", f"fieldrec@{of[0]}", *WHOLE, *of[1:]
    async with fleet.running():
        await fleet.all_online(20)
        halted = number(await fieldrec(*campaign))
        assert "HALTED group all:" in await fieldrec(*WATCH, halted, code=1)
        assert "FAILED flash: write error at 4096 (like fail-0000" in await fieldrec(
            "campaign", "show", halted
        )
        refused = await fieldrec("campaign", "change", halted, "resume", code=1)
        assert f"campaign {halted} is HALTED: only PAUSED can resume" in refused
        again = number(await fieldrec(*campaign, *WHATEVER, "--retries", 2))
        await fieldrec(*WATCH, again)
        parked = await fieldrec("campaign", "parked")
        assert f"fieldrec@62.1.0 {digest} failed 3 times, the last: flash: write error at 4096" in parked
        assert "it is parked: it failed this release 3 times" in await fieldrec(
            "campaign", "why", parked.split()[0]
        )
        for each in re.findall(r"^fail-\d+", parked, re.MULTILINE):
            left = await fieldrec("campaign", "parked", "--let-go", each, digest)
        assert left == "no device is parked\n"


async def test_a_policy_an_approval_and_all_that_stops_a_campaign(new_fleet, fieldrec, publish, another):
    digest, fleet = await publish("63.1.0"), new_fleet("stop", 2)  # they are not switched on
    create = ("campaign", "create", digest, *WHOLE, "--device", fleet.ids[0])
    try:
        await fieldrec("release", "policy", "app", "--approvals", 1, "--promoted-only")
        said = await fieldrec("release", "policy", "app")
        assert said == "app: promoted releases only, approvals needed: 1\n"
        assert "has to be promoted first" in await fieldrec(*create, code=1)
        assert "is PROMOTED" in await fieldrec("release", "mark", digest, "promote", where=another)
        campaign = number(await fieldrec(*create))
    finally:
        await fieldrec("release", "policy", "app", "--approvals", 0, "--candidates")
    assert "approved by nobody, 1 approval needed" in await fieldrec("campaign", "show", campaign)
    assert "waits for 1 more approval" in await fieldrec("campaign", "why", fleet.ids[0])
    approve = ("campaign", "approve", campaign, "--digest", digest, "--why", "looked at it")
    assert "another person has to approve it" in await fieldrec(*approve, code=1)
    assert await fieldrec(*approve, where=another) == f"campaign {campaign} is RUNNING\n"
    for action, said in (("pause", "PAUSED"), ("resume", "RUNNING")):
        assert await fieldrec("campaign", "change", campaign, action) == f"campaign {campaign} is {said}\n"
    retried = await fieldrec("campaign", "change", campaign, "retry")
    assert retried == "0 failed jobs are tried again\n"
    withdrawn = await fieldrec("release", "mark", "fieldrec@63.1.0", "withdraw", "--why", "eats cells")
    assert withdrawn == f"{digest} is WITHDRAWN; aborted campaigns: {campaign}\n"
    assert "ABORTED" in await fieldrec(*WATCH, campaign, code=1)
    assert "was withdrawn: eats cells" in await fieldrec(*create, code=1)


@pytest.mark.parametrize(
    "words, said",
    [
        (("campaign", "create", "fieldrec@0.0.9", *WHOLE), "fieldrec@0.0.9 is no published release"),
        (("campaign", "create", "x", "--group", "all"), "'all' is not of the form NAME:COUNT or NAME:SHARE%"),
        (("campaign", "create", "x", "--group", "all:many"), "'many' is no number"),
        (("campaign", "create", "x", *WHOLE, "--label", "site"), "'site' is not NAME=VALUE"),
        (("campaign", "show", 999_999), "there is no campaign 999999"),
        (("campaign", "why", "dev-nobody"), "no device 'dev-nobody' is enrolled"),
        (("cloud", "audit", "verify", "--expect", "17"), "'17' is not NUMBER:HASH"),
        (("fleet", "run", "--mix", "healty=1"), "there is no kind 'healty' of device"),
    ],
)
async def test_what_can_be_mended_is_said_in_words(fieldrec, words, said):
    assert said in await fieldrec(*words, code=1)


async def test_options_of_where_stand_before_or_behind_the_command(cloud, fieldrec, another):
    assert await fieldrec("campaign", f"--data={cloud.data}", "list", where=()) == await fieldrec(
        "campaign", "list", where=another
    )
    assert "nothing runs in" in await fieldrec(
        "campaign", "list", where=("--data", cloud.data / "no"), code=1
    )


async def test_the_audit_log_is_verified_and_says_which_row_was_changed(cloud, fieldrec, publish):
    await publish("64.1.0")
    verify = ("cloud", "audit", "verify")
    with behind_its_back(cloud) as rows:
        await sealed(rows)
        noted = re.findall(
            r"\d+ rows, unbroken; note this: --expect (\d+:[0-9a-f]{64})", await fieldrec(*verify)
        )
        assert "unbroken" in await fieldrec(*verify, "--expect", noted[0])
        row, _, known = noted[0].partition(":")
        cut = await fieldrec(*verify, "--expect", f"{int(row) + 99}:{known}", code=1)
        assert f"row {int(row) + 99} of the chain is missing" in cut
        other = await fieldrec(*verify, "--expect", f"{row}:{known[::-1]}", code=1)
        assert f"row {row} does not have the hash" in other
        (number, why) = rows.execute(
            "SELECT seal, why FROM audit WHERE seal IS NOT NULL ORDER BY seal"
        ).fetchone()
        rows.execute("UPDATE audit SET why = 'nothing' WHERE seal = %s", [number])
        try:
            assert f"row {number} of the chain (" in await fieldrec(*verify, code=1)
        finally:
            rows.execute("UPDATE audit SET why = %s WHERE seal = %s", [why, number])
        assert "unbroken" in await fieldrec(*verify)


async def test_a_fleet_of_a_mix_lives_for_a_while(fieldrec):
    run = ("fleet", "run", "--count", 8, "--mix", "healthy=3,failing=1", "--for", 0.5, "--prefix", "mixed")
    said = await fieldrec(*run)
    assert "enrolled" in said and re.search(r"healthy +│ 6 ", said) and re.search(r"failing +│ 2 ", said)
    found = json.loads((await fieldrec(*run, "--claims", "--prefix", "asked", "--json")).splitlines()[-1])
    assert (found["devices"], found["counts"]["connected"]) == (8, 8)
    assert "reverting" in await fieldrec("fleet", "kinds", where=())


async def sealed(rows: psycopg.Connection) -> None:
    """The leader has sealed what there is."""
    async with asyncio.timeout(20):
        while rows.execute("SELECT FROM audit WHERE seal IS NULL").fetchone():
            await asyncio.sleep(0.1)  # nothing tells when


@contextmanager
def behind_its_back(cloud: Cloud):
    """A connection to the database past the triggers that keep the audit log."""
    with psycopg.connect(cloud.settings.postgres_url, autocommit=True) as rows:
        rows.execute("SET session_replication_role = replica")
        yield rows
