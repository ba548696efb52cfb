"""Who may poll, and for whom: a token or a certificate of that very device, and nothing else."""

from datetime import timedelta

import pytest

from cloud.access import token_hash
from tests.ddi.conftest import BOARD

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODULE = "softwaremodules/" + "0" * 64 + "/artifacts"
OTHERS = [
    ("GET", ""),
    ("PUT", "configData"),
    ("GET", "deploymentBase/1"),
    ("POST", "deploymentBase/1/feedback"),
    ("GET", "installedBase/1"),
    ("PUT", "installedBase"),
    ("GET", "cancelAction/1"),
    ("POST", "cancelAction/1/feedback"),
    ("GET", "confirmationBase"),
    ("GET", "confirmationBase/1"),
    ("POST", "confirmationBase/1/feedback"),
    ("POST", "confirmationBase/activateAutoConfirm"),
    ("POST", "confirmationBase/deactivateAutoConfirm"),
    ("GET", MODULE),
    ("GET", f"{MODULE}/x.swu"),
    ("GET", f"{MODULE}/x.swu.MD5SUM"),
]


async def status_of(ddi, device: str, **headers: str) -> int:
    return (await (await ddi.client(device, **headers)).get("")).status_code


async def test_token_is_shown_once_and_kept_as_a_hash(ddi):
    target = await ddi.target()
    row = await ddi.shown(target)
    assert (row["id"], row["board"], row["has_token"], row["polled_at"]) == (target.id, BOARD, True, None)
    assert target.token not in str(await ddi.cloud.rows("SELECT * FROM ddi_targets"))
    made = "SELECT who FROM audit WHERE what = 'target.created' AND subject = %s"
    assert await ddi.cloud.rows(made, f"device:{target.id}") == [{"who": "admin"}]


async def test_when_it_was_there_is_written_once_a_minute(ddi):
    target = await ddi.target()
    seen = []
    for ahead_s in (0, 5, 70):
        ddi.cloud.clock.ahead = timedelta(seconds=ahead_s)
        await target.poll()
        seen.append((await ddi.shown(target))["polled_at"])
    assert seen[0] == seen[1] < seen[2]


async def test_token_of_one_opens_nothing_of_another(ddi):
    target, other = await ddi.target(), await ddi.target()
    for method, path in OTHERS:
        answer = await target.http.request(method, f"{other.http.base_url}{path}", json={})
        assert answer.status_code == 403, path
        assert answer.json() == {"error": f"this is {target.id}, who may not act for {other.id!r}"}


async def test_job_of_another_is_not_found(ddi):
    target, other = await ddi.target(), await ddi.target()
    await ddi.campaign(other)
    action = (await other.follow("deploymentBase"))["id"]
    assert (await target.http.get(f"deploymentBase/{action}")).status_code == 404
    assert await target.say(action, "closed", "success") == 404
    (artifact,) = (await other.follow("deploymentBase"))["deployment"]["chunks"][0]["artifacts"]
    own = artifact["_links"]["download"]["href"].replace(other.id, target.id)
    assert (await target.http.get(own)).status_code == 404  # it has no job with this release
    assert (await ddi.job(other))["status"] == "QUEUED"


async def test_who_is_nobody_is_refused(ddi):
    target = await ddi.target()
    for authorization in (
        "TargetToken guessed",
        f"GatewayToken {target.token}",
        f"Bearer {target.token}",
        "TargetToken ",
    ):
        assert await status_of(ddi, target.id, Authorization=authorization) == 401, authorization
    admin = f"Bearer {ddi.cloud.stores.admin_token}"
    assert await status_of(ddi, target.id, Authorization=admin) == 401
    assert await status_of(ddi, target.id) == 401


async def test_other_tenant_does_not_exist(ddi):
    target = await ddi.target()
    for tenant, status in (("default", 200), ("OTHER", 404)):
        url = str(target.http.base_url).replace("DEFAULT", tenant)
        assert (await target.http.get(url.rstrip("/"))).status_code == status


async def test_new_token_ends_the_old_one_and_revocation_both(ddi):
    old = await ddi.target()
    new = await ddi.target(old.id)
    assert (await old.http.get("")).status_code == 401
    assert (await new.http.get("")).status_code == 200
    assert (await ddi.cloud.ota.delete(f"/v1/targets/{new.id}")).status_code == 200
    assert (await new.http.get("")).status_code == 401
    assert (await ddi.cloud.ota.delete(f"/v1/targets/{new.id}")).status_code == 404


async def test_decommissioned_device_is_nobody(ddi):
    target = await ddi.target()
    await ddi.cloud.rows("UPDATE devices SET decommissioned_at = now() WHERE id = %s RETURNING id", target.id)
    assert (await target.http.get("")).status_code == 401
    again = await ddi.cloud.ota.post("/v1/targets", json={"id": target.id})
    assert again.status_code == 409


async def test_target_of_an_enrolled_device_needs_no_board(ddi):
    unknown = await ddi.cloud.ota.post("/v1/targets", json={"id": "gw-0009"})
    assert unknown.status_code == 422
    known = (await ddi.target()).id
    assert (await ddi.cloud.ota.post("/v1/targets", json={"id": known})).status_code == 201
    other = await ddi.cloud.ota.post("/v1/targets", json={"id": known, "board": "esp32s3"})
    assert (other.status_code, other.json()["error"]) == (
        409,
        f"device {known!r} is of board gateway, not esp32s3",
    )
    assert (await ddi.cloud.ota.post("/v1/targets", json={"id": "Gw 1", "board": BOARD})).status_code == 422
    assert (await ddi.cloud.ota.get("/v1/targets", params={"after": "gw\0"})).status_code == 422


async def test_tokens_are_an_admins_to_make(ddi):
    for role in ("viewer", "operator", "approver", "publisher"):
        await ddi.cloud.rows(
            "INSERT INTO tokens (name, sha256, role, created_at) VALUES (%s, %s, %s, now()) RETURNING name",
            role,
            token_hash(role),
            role,
        )
        headers = {"Authorization": f"Bearer {role}"}
        asked = {"id": "gw-0001", "board": BOARD}
        assert (await ddi.cloud.ota.post("/v1/targets", json=asked, headers=headers)).status_code == 403
        assert (await ddi.cloud.ota.delete("/v1/targets/gw-0001", headers=headers)).status_code == 403
