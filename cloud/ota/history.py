"""The audit log over HTTP, with the hashes of its chain: whoever reads it can check it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from cloud import audit
from cloud.access import READ
from cloud.db import NO_NUL

PAGE_MAX = 5_000

router = APIRouter()


@router.get("/v1/audit", dependencies=READ)
async def rows(
    request: Request,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 1_000,
    subject: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
) -> dict:
    """Sealed rows in the order of the chain; `unsealed` are still to be added to it.

    A row's hash is SHA-256 over the hash of the row before and [seal, id, at, who, what, subject, why] as JSON. Where
    `before` or `after` is not null, `why` is sealed with U+001F and the hex SHA-256 of [before, after] behind it.
    """
    async with request.app.state.pool.connection() as connection:
        found = await audit.page(connection, after, limit, subject)
        (left,) = await (
            await connection.execute("SELECT count(*) AS n FROM audit WHERE seal IS NULL")
        ).fetchall()
    shown = [row | {"hash": bytes(row["hash"]).hex()} for row in found]
    return {"rows": shown, "next": found[-1]["seal"] if len(found) == limit else None, "unsealed": left["n"]}
