"""The audit log's chain: sealed in order, without gaps, and any change or loss is found."""

import asyncio

import psycopg
import pytest

from cloud import audit
from cloud.db import CHANGE


async def chain(lab) -> list[dict]:
    found = (await lab.get("/v1/audit?limit=5000"))["rows"]
    return [audit.as_read(row) for row in found]


@pytest.fixture
async def sealed(lab):
    await lab.devices(5)
    campaign = await lab.campaign(await lab.release())
    await lab.tick()
    await lab.end(campaign, *["SUCCEEDED"] * 5)
    await lab.tick(2)
    return lab


async def test_all_that_was_done_is_in_the_chain(sealed):
    rows = await chain(sealed)
    number, last = audit.check(rows)
    assert number == len(rows) == len(await sealed.rows("SELECT FROM audit"))
    assert rows[-1]["hash"] == last
    done = [row["what"] for row in rows]
    assert done[:2] == ["release.published", "campaign.created"] and done[-1] == "campaign.SUCCEEDED"
    half = (await sealed.get(f"/v1/audit?after=3&limit={number - 3}"))["rows"]
    assert audit.check(map(audit.as_read, half), 3, rows[2]["hash"]) == (number, last)


async def test_rows_of_many_at_once_make_one_chain(lab):
    async def write(number: int) -> None:
        for turn in range(20):
            await lab.run(
                "INSERT INTO audit (at, who, what, subject, why) VALUES (now(), 'x', 'x', 'x', %s)",
                f'{number} {turn}\n"ü',
            )

    writing = asyncio.gather(*(write(number) for number in range(8)))
    while not writing.done():
        await lab.tick()
    await lab.tick()
    rows = await chain(lab)
    assert audit.check(rows)[0] == 160 and len({row["why"] for row in rows}) == 160


async def test_no_words_of_a_device_look_like_the_mark_of_a_change(lab):
    words = f"it said so{CHANGE}{'0' * 64}"
    await lab.run(
        "INSERT INTO audit (at, who, what, subject, why) VALUES (now(), 'device:x', 'job.FAILED', 'job:1', %s)",
        words,
    )
    await lab.tick()
    rows = await chain(lab)
    assert audit.check(rows)[0] == 1 and rows[0]["why"] == words.replace(CHANGE, " ")


async def test_a_changed_row_is_found(sealed):
    rows = await chain(sealed)
    others = dict.fromkeys(("who", "what", "subject", "why"), "other")
    for column, other in {"at": rows[5]["at"], "id": 99, "hash": bytes(32), **others}.items():
        changed = [*rows[:3], rows[3] | {column: other}, *rows[4:]]
        with pytest.raises(audit.ChainBroken, match="row 4 of the chain"):
            audit.check(changed)


async def test_a_lost_or_moved_row_is_found(sealed):
    rows = await chain(sealed)
    with pytest.raises(audit.ChainBroken, match="row 4 of the chain is missing"):
        audit.check(rows[:3] + rows[4:])
    rows[3], rows[4] = rows[4] | {"seal": 4}, rows[3] | {"seal": 5}
    with pytest.raises(audit.ChainBroken, match="is not what was sealed"):
        audit.check(rows)


async def test_the_database_refuses_changes(sealed):
    for statement in (
        "UPDATE audit SET why = 'nothing'",
        "UPDATE audit SET seal = seal + 1, hash = hash",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="the audit log is only added to"):
            await sealed.run(statement)
