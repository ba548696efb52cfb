"""Claims in bulk: the lines of a file become tokens, all or none."""

import csv
import io

from cloud.registration.claims import BULK_MAX
from tests.cloud.fleet import Device


async def post(registration, text: str | bytes):
    return await registration.registration.post("/v1/claims/csv", content=text)


async def test_each_line_is_a_claim(registration):
    answer = await post(registration, "device_id,board,group\r\ndev-one,virtual,lab\r\n,esp32s3,\r\n")
    assert answer.status_code == 201, answer.text
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["device_id"], first["board"], second["device_id"]) == ("dev-one", "virtual", "")
    device = Device("dev-one", registration)
    enrolled = await registration.registration.post("/v1/enrol", json=device.enrolment(first["token"]))
    assert enrolled.status_code == 201, enrolled.text
    shown = (await registration.registration.get("/v1/devices/dev-one")).json()
    assert shown["group"] == "lab"
    refused = await registration.registration.post(
        "/v1/enrol", json=Device("dev-two", registration).enrolment(second["token"])
    )
    assert refused.json()["error"] == "claim token is for board esp32s3, not virtual"


WRONG: list[tuple[str | bytes, str]] = [
    ("", "line 1: the columns are None, not of device_id, board, group"),
    ("device_id,colour\ndev-one,red\n", "line 1: the columns are ['device_id', 'colour']"),
    ("device_id\n", "there is no line behind the first"),
    ("device_id\ndev-one\nDEV\n", "line 3: device_id: Value error, device id 'DEV' must match"),
    ("device_id\nservice-ota\n", "line 2: device_id: Value error, device id 'service-ota' must not"),
    ("device_id\ndev-one\ndev-two\ndev-one\n", "line 4: dev-one is on line 2 already"),
    ("device_id,board\ndev-one\n", "line 2: it has more or fewer fields"),
    ("device_id\ndev-one,x\n", "line 2: it has more or fewer fields"),
    ('device_id\n"dev-one\n', "not CSV in UTF-8: unexpected end of data"),
    (b"device_id\n\xff\n", "not CSV in UTF-8: 'utf-8' codec"),
]


async def test_a_wrong_line_refuses_the_whole_file(registration):
    for text, words in WRONG:
        answer = await post(registration, text)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(words)
    assert not await registration.rows("SELECT FROM claims")


async def test_ten_thousand_at_once_and_no_more(registration):
    lines = [f"dev-{number:05}" for number in range(BULK_MAX)]
    answer = await post(registration, "\n".join(["device_id", *lines]))
    assert answer.status_code == 201
    tokens = {row["token"] for row in csv.DictReader(io.StringIO(answer.text))}
    assert len(tokens) == BULK_MAX
    assert await registration.rows("SELECT count(*) FROM claims") == [{"count": BULK_MAX}]
    assert len(await registration.rows("SELECT FROM audit")) == 1
    assert (await post(registration, "\n".join(["device_id", *lines, "dev-more"]))).status_code == 413
