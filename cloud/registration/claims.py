"""Claims: each lets one device enrol once. One at a time, or a factory's list of devices as CSV."""

import csv
import io
import secrets
from datetime import timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from cloud.access import OPERATE, token_hash
from cloud.db import Connection, audit
from cloud.registration.fields import Board, DeviceId, Group
from cloud.web import Refused, utc_text

CLAIM_LIFE = timedelta(days=7)
BULK_LIFE = timedelta(days=90)  # from the factory to a first start
BULK_MAX = 10_000
COLUMNS = ("device_id", "board", "group")

router = APIRouter(dependencies=OPERATE)


class Claim(BaseModel):
    """Whom a token is for; what is left out is open. In `group` the device is once it has enrolled."""

    device_id: DeviceId | None = None
    board: Board | None = None
    group: Group = ""


class Made(NamedTuple):
    claim: Claim
    token: str


@router.post("/v1/claims", status_code=201)
async def create_claim(claim: Claim, request: Request) -> dict:
    made = Made(claim, secrets.token_urlsafe(24))
    expires = await _keep([made], CLAIM_LIFE, request)
    return {"token": made.token, "expires": expires}


@router.post("/v1/claims/csv", status_code=201, response_class=Response)
async def create_claims(request: Request) -> Response:
    """A claim for each line, all or none. Columns device_id, board, group; empty means open."""
    claims = read_csv(await request.body())
    made = [Made(claim, secrets.token_urlsafe(24)) for claim in claims]
    expires = await _keep(made, BULK_LIFE, request)
    return Response(_csv(made, expires), 201, media_type="text/csv")


def read_csv(body: bytes) -> list[Claim]:
    """Refuses with 422 and the number of the line."""
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if not reader.fieldnames or not set(reader.fieldnames) <= set(COLUMNS):
            raise Refused(422, f"line 1: the columns are {reader.fieldnames}, not of {', '.join(COLUMNS)}")
        claims: list[Claim] = []
        lines: dict[str, int] = {}
        for row in reader:
            claims.append(_claim(row, reader.line_num))
            device = claims[-1].device_id
            if device and lines.setdefault(device, reader.line_num) != reader.line_num:
                raise Refused(422, f"line {reader.line_num}: {device} is on line {lines[device]} already")
            if len(claims) > BULK_MAX:
                raise Refused(413, f"more than {BULK_MAX} lines; send several files")
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(422, f"not CSV in UTF-8: {error}") from error
    if not claims:
        raise Refused(422, "there is no line behind the first")
    return claims


def _claim(row: dict, line: int) -> Claim:
    if None in row or None in row.values():
        raise Refused(422, f"line {line}: it has more or fewer fields than the first line")
    try:
        return Claim(**{name: value.strip() for name, value in row.items() if value.strip()})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Refused(422, f"line {line}: {wrong['loc'][0]}: {wrong['msg']}") from error


def _csv(made: list[Made], expires: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, "token", "expires"])
    for claim, token in made:
        writer.writerow([claim.device_id or "", claim.board or "", claim.group, token, expires])
    return out.getvalue()


async def _keep(made: list[Made], life: timedelta, request: Request) -> str:
    """When they expire, as text."""
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        await _insert(connection, made, now, now + life)
        subject = f"claim:{token_hash(made[0].token).hex()[:16]}" if len(made) == 1 else f"claims:{len(made)}"
        await audit(connection, now, request.state.who.name, "claim.created", subject)
    return utc_text(now + life)


async def _insert(connection: Connection, made: list[Made], now, expires) -> None:
    await connection.execute(
        "INSERT INTO claims (token_sha256, device_id, board, group_name, created_at, expires_at)"
        " SELECT *, %s, %s FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[])",
        [
            now,
            expires,
            [token_hash(token) for _, token in made],
            [claim.device_id for claim, _ in made],
            [claim.board for claim, _ in made],
            [claim.group for claim, _ in made],
        ],
    )
