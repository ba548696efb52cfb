"""What people ask and decide: approvals, dry runs, stores, policies, and why a device does not update."""

from cloud.db import CHANGE


async def test_another_person_approves_what_was_looked_at(lab):
    await lab.devices(1)
    maker, approver = await lab.token("maker", "approver"), await lab.token("boss", "approver")
    operator = await lab.token("op", "operator")
    assert (await lab.api.put("/v1/policies/app", json={"approvals": 2})).status_code == 200
    release = await lab.release()
    asked = {"release": release, "groups": [{"name": "all", "share": 1}]}
    campaign = (await lab.post("/v1/campaigns", asked, 201, maker))["id"]
    path, digest = f"/v1/campaigns/{campaign}/approve", {"digest": release}
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "PENDING" and await lab.active(campaign) == {}
    await lab.post(path, digest, 403, operator)
    assert "another person" in (await lab.post(path, digest, 403, maker))["error"]
    assert release in (await lab.post(path, {"digest": "0" * 64}, 409, approver))["error"]
    assert (await lab.post(path, digest, 200, approver))["missing"] == 1
    assert (await lab.post(path, digest, 200, approver))["missing"] == 1  # twice the same is one
    (device,) = await lab.rows("SELECT id FROM devices")
    assert (
        f"campaign {campaign}: waits for 1 more approvals"
        in (await lab.get(f"/v1/why/{device['id']}"))["answer"]
    )
    assert (await lab.post(path, digest))["status"] == "RUNNING"
    await lab.post(path, digest, 409)
    await lab.tick()
    assert len(await lab.active(campaign)) == 1
    assert {each["who"] for each in (await lab.read(campaign))["approved"]} == {"token:boss", "admin"}


async def test_pending_campaign_can_be_aborted_but_not_resumed(lab):
    await lab.devices(1)
    await lab.api.put("/v1/policies/app", json={"approvals": 1})
    campaign = await lab.campaign(await lab.release())
    await lab.post(f"/v1/campaigns/{campaign}/resume", status=409)
    await lab.post(f"/v1/campaigns/{campaign}/abort")
    assert [group["status"] for group in (await lab.read(campaign))["groups"]] == ["ABORTED"]


async def mixed_fleet(lab) -> list[str]:
    fits = await lab.devices(5)
    await lab.devices(4, version="1.1.0")
    await lab.devices(3, version="2.0.0")
    await lab.devices(2, version="0.9.0")
    await lab.devices(1, runtime="1.25.0")
    await lab.devices(6, board="esp32s3")
    return fits


LEFT_OUT = {
    "made for virtual, this is esp32s3": 6,
    "runs 1.1.0 already": 4,
    "runs 2.0.0, which is newer than 1.1.0": 3,
    "has to pass app 1.0.0 first, 0.9.0 is running": 2,
    "has to pass runtime 1.26.0 first, 1.25.0 is running": 1,
}


async def test_dry_run_tells_who_and_who_not(lab):
    await mixed_fleet(lab)
    release = await lab.release(requires={"runtime": "1.26.0", "app": "1.0.0"})
    groups = [{"name": "canary", "count": 1}, {"name": "half", "share": 0.5, "rate_per_min": 0.5}]
    told = await lab.post("/v1/campaigns/dry-run", {"release": release, "groups": groups})
    assert (told["devices"], told["not_in_a_group"], told["approvals"]) == (3, 2, 0)
    assert told["groups"] == [
        {"name": "canary", "size": 1, "hours": None},
        {"name": "half", "size": 2, "hours": 0.07},
    ]
    assert {each["why"]: each["devices"] for each in told["left_out"]} == LEFT_OUT
    assert await lab.rows("SELECT FROM campaigns") == []


async def test_the_campaign_takes_whom_the_dry_run_names(lab):
    fits = await mixed_fleet(lab)
    campaign = await lab.campaign(await lab.release(requires={"runtime": "1.26.0", "app": "1.0.0"}))
    await lab.tick(2)
    assert set(await lab.active(campaign)) == set(fits)


async def test_who_has_passed_the_intermediate_version_joins(lab):
    (old,) = await lab.devices(1, version="0.9.0")
    groups = [{"name": "all", "share": 1, "open_ended": True}]
    campaign = await lab.campaign(
        await lab.release(requires={"runtime": "1.0.0", "app": "1.0.0"}), groups=groups
    )
    await lab.tick()
    words = f"campaign {campaign}: has to pass app 1.0.0 first, 0.9.0 is running"
    assert (await lab.get(f"/v1/why/{old}"))["answer"] == [words]
    await lab.run("UPDATE devices SET app_version = '1.0.0'")
    lab.later(minutes=1)
    await lab.tick()
    assert list(await lab.active(campaign)) == [old]


async def test_release_shows_whom_it_fits(lab):
    await mixed_fleet(lab)
    release = await lab.release(requires={"runtime": "1.26.0", "app": "1.0.0"})
    shown = await lab.get(f"/v1/releases/{release}")
    assert (shown["requires"]["app"], shown["status"]) == ("1.0.0", "CANDIDATE")
    fits = shown["compatibility"]
    assert (fits["devices"], fits["running"]) == (5, 4)
    assert {each["why"]: each["devices"] for each in fits["left_out"]} == LEFT_OUT
    assert (await lab.api.get(f"/v1/releases/{'0' * 64}")).status_code == 404


async def test_promoted_only(lab):
    await lab.devices(1)
    release = await lab.release()
    await lab.api.put("/v1/policies/app", json={"promoted_only": True})
    asked = {"release": release, "groups": [{"name": "all", "share": 1}]}
    assert "promoted first" in (await lab.post("/v1/campaigns", asked, 409))["error"]
    await lab.post(
        f"/v1/releases/{release}/promote", {"why": "tested"}, 403, await lab.token("op", "operator")
    )
    await lab.post(f"/v1/releases/{release}/promote", {"why": "tested"})
    await lab.post(f"/v1/releases/{release}/promote", status=409)
    await lab.post("/v1/campaigns", asked, 201)


async def test_withdrawn_release_stops_everywhere(lab):
    await lab.devices(2)
    release = await lab.release()
    campaign = await lab.campaign(release)
    await lab.tick()
    assert (await lab.post(f"/v1/releases/{release}/withdraw", {"why": "eats cells"}))["aborted"] == [
        campaign
    ]
    read = await lab.read(campaign)
    assert (read["status"], read["groups"][0]["jobs"]) == ("ABORTED", {"CANCELED": 2})
    asked = {"release": release, "groups": [{"name": "all", "share": 1}]}
    assert (await lab.post("/v1/campaigns", asked, 409))[
        "error"
    ] == "fieldrec 1.1.0 was withdrawn: eats cells"
    await lab.post(f"/v1/releases/{release}/promote", status=409)
    (audit,) = await lab.rows("SELECT why, before, after FROM audit WHERE what = 'campaign.ABORTED'")
    assert audit["why"].split(CHANGE)[0] == "release withdrawn: eats cells"
    assert (audit["before"], audit["after"]) == ({"status": "RUNNING"}, {"status": "ABORTED"})


async def test_stores_are_kept_apart(lab):
    publisher = {"Authorization": f"Bearer {await lab.token('ci', 'publisher')}"}
    await lab.release()
    path = lab.folder / "fieldrec-1.1.0.frel"
    answer = await lab.api.post("/v1/stores/runtime/releases", content=path.read_bytes(), headers=publisher)
    assert answer.status_code == 422
    assert answer.json()["error"] == "this is the store of runtime releases, not of app ones"
    answer = await lab.api.post("/v1/stores/app/releases", content=path.read_bytes(), headers=publisher)
    assert answer.status_code == 201
    assert (await lab.get("/v1/stores/runtime/releases"))["releases"] == []
    (listed,) = (await lab.get("/v1/stores/app/releases"))["releases"]
    assert (listed["version"], listed["requires"]) == ("1.1.0", {"app": "0.0.0", "runtime": "1.26.0"})
    assert (await lab.api.get("/v1/releases", headers=publisher)).status_code == 403


async def why(lab, device: str, kind: str = "app") -> list[str]:
    return (await lab.get(f"/v1/why/{device}?kind={kind}"))["answer"]


async def test_why_is_always_answered(lab):
    (device,), (away,) = await lab.devices(1), await lab.devices(1, online=False)
    assert await why(lab, device) == ["no campaign brings it an app release now"]
    assert await why(lab, away, "runtime") == [
        "it was never online",
        "no campaign brings it a runtime release now",
    ]
    groups = [{"name": "canary", "count": 1}, {"name": "rest", "share": 1}]
    campaign = await lab.campaign(await lab.release(), groups=groups)
    await lab.tick()
    assert "group rest waits for the groups before it" in (await why(lab, away))[1]
    job = (await lab.active(campaign))[device]
    about = f"job {job} of campaign {campaign} (fieldrec 1.1.0)"
    assert await why(lab, device) == [f"{about} waits for the device to come online"]
    await lab.run("UPDATE jobs SET notified_at = '2026-01-01T00:00:00Z'")
    assert "the device was told at 2026-01-01T00:00:00Z and has not answered" in (await why(lab, device))[0]
    await lab.say(device, job, "IN_PROGRESS", "downloading", progress_pct=40)
    assert f"{about} is under way: downloading 40 %, last heard at" in (await why(lab, device))[0]
    await lab.say(device, job, "FAILED", "reverted", detail="gauge")
    assert (await why(lab, device))[0].endswith(": gauge") and "ended FAILED" in (await why(lab, device))[0]
    other = await lab.campaign(await lab.release("1.2.0"), filter={"ids": [device]})
    assert f"campaign {other}: its filter does not select this device: ids in a list" in await why(lab, away)
    await lab.run("UPDATE devices SET decommissioned_at = '2026-01-01T00:00:00Z'")
    assert await why(lab, device) == ["it was decommissioned at 2026-01-01T00:00:00Z"]
    assert (await lab.api.get("/v1/why/nobody")).status_code == 404


async def test_who_may_not_operate(lab):
    await lab.devices(1)
    campaign = await lab.campaign(await lab.release())
    for role in ("viewer", "publisher"):
        token = await lab.token(role, role)
        for path in ("", "/dry-run", *(f"/{campaign}/{each}" for each in ("retry", "pause", "approve"))):
            await lab.post(f"/v1/campaigns{path}", {"digest": "0" * 64}, 403, token)


async def test_lists_come_in_pages(lab):
    await lab.devices(3)
    release = await lab.release()
    campaign = await lab.campaign(release)
    await lab.tick()
    await lab.end(campaign, "FAILED")
    (failed,) = (await lab.get(f"/v1/campaigns/{campaign}/jobs?status=FAILED"))["jobs"]
    jobs = await lab.get(f"/v1/campaigns/{campaign}/jobs?after={failed['job']}")
    assert (len(jobs["jobs"]), jobs["next"]) == (2, None)
    assert [each["id"] for each in (await lab.get("/v1/campaigns"))["campaigns"]] == [campaign]
    assert (await lab.get(f"/v1/campaigns?before={campaign}"))["campaigns"] == []
