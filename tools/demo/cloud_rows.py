"""Rows c to g: three boards and the cloud."""

import asyncio
import json
import re
import time
from pathlib import Path

from cloud.objects import key_of, open_store
from tools import keys, release
from tools.demo.forged import offer
from tools.demo.stage import IDS, RowFailed, Stage
from tools.service import ServiceError


def online(stage: Stage) -> str:
    """The boards enrol by themselves and are heard of."""
    started = time.monotonic()
    stage.go_live()
    for device_id in IDS:
        stage.say(f"waiting for {device_id}")
        stage.wait_line(device_id, "network: online", 60)
    up_s = time.monotonic() - started
    counts = _until(stage, _heartbeats, 60, "a heartbeat of each board in PostgreSQL")
    shown = stage.call("GET", "registration", "/v1/devices")["devices"]
    if [d["id"] for d in shown if d["online"]] != list(IDS):
        raise RowFailed(f"the registration service shows {shown}")
    return f"3 enrolled and online in {up_s:.1f} s, {sum(counts)} heartbeats stored"


def _heartbeats(stage: Stage) -> list[int] | None:
    rows = stage.query("SELECT count(*) FROM heartbeats GROUP BY device_id")
    return [count for (count,) in rows] if len(rows) == len(IDS) else None


def _until(stage: Stage, look, timeout_s: float, what: str):
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if found := look(stage):
            return found
        time.sleep(0.1)
    raise RowFailed(f"{what} did not come within {timeout_s} s")


def good_release(stage: Stage) -> str:
    """1.1.0 comes to the canary, then to the rest."""
    path = stage.build("1.1.0", _blink_less)
    published = stage.publish(path)
    started = time.monotonic()
    for seen in stage.follow(stage.campaign(published["digest"]), _CAMPAIGN_S):
        canary, _ = seen["groups"]
        if canary["status"] != "SUCCEEDED" and len(seen["jobs"]) > 1:
            raise RowFailed(f"a second device got a job before the canary had succeeded: {seen['jobs']}")
    if seen["status"] != "SUCCEEDED":
        raise RowFailed(f"the campaign ended {seen['status']}: {seen['reason']}; {seen['jobs']}")
    fetched = [_fetched(stage.wait_line(device_id, "bytes fetched", 5)) for device_id in IDS]
    for device_id in IDS:
        stage.wait_line(device_id, "spl: slot b 1.1.0", 5)
        stage.wait_line(device_id, "version 1.1.0 confirmed", 5)
    size = path.stat().st_size
    return f"3 of 3 in slot b and confirmed, {max(fetched)} of {size} bytes fetched, {time.monotonic() - started:.0f} s"


def _fetched(line: str) -> int:
    found = re.search(r"(\d+) bytes fetched", line)
    if not found:
        raise RowFailed(f"no byte count in {line!r}")
    return int(found[1])


def _blink_less(source: Path) -> None:
    _replace(source / "app/gestures.py", "_CUE_MS = const(60)", "_CUE_MS = const(40)")


def bad_release(stage: Stage) -> str:
    """1.2.0 reads the wrong register of the gauge: it fails its self-test and the canary goes back."""
    path = stage.build("1.2.0", _break_gauge)
    published = stage.publish(path)
    started = time.monotonic()
    for seen in stage.follow(stage.campaign(published["digest"]), _CAMPAIGN_S):
        if len(seen["jobs"]) > 1:
            raise RowFailed(f"a device beside the canary got the release: {seen['jobs']}")
    (job,) = seen["jobs"]
    if seen["status"] != "HALTED" or (job["status"], job["step"]) != ("FAILED", "reverted"):
        raise RowFailed(f"the campaign ended {seen['status']}: {seen['reason']}; {job}")
    halted_s = time.monotonic() - started
    last_boot = [line for line in stage.boards[job["device"]].lines if line.startswith("spl: slot")][-1]
    if last_boot != "spl: slot b 1.1.0":
        raise RowFailed(f"the canary's last start was {last_boot!r}")
    return f"canary back on 1.1.0 in {halted_s:.0f} s, campaign HALTED, the others untouched: {job['detail'][:60]}"


def _break_gauge(source: Path) -> None:
    _replace(source / "board/max17048.py", "_VCELL = const(0x02)", "_VCELL = const(0x12)")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise RowFailed(f"{path.name} has no {old!r} to change")
    path.write_text(text.replace(old, new))


def forgeries(stage: Stage) -> str:
    """A release by an unknown key and one with a flipped byte: refused by the cloud, and by the device itself."""
    device_id = IDS[1]
    _rest(stage, device_id)
    before = stage.slot_files(device_id, "b")
    stage.live[device_id].power_on()
    stage.wait_line(device_id, "network: online", 60, len(stage.boards[device_id].lines))
    words = []
    for name, path in _forged(stage).items():
        stage.say(f"offering {name} to the cloud and to {device_id}")
        try:
            stage.publish(path)
        except ServiceError as error:
            words.append(str(error))
        else:
            raise RowFailed(f"the cloud took {name}")
        store = open_store(stage.cloud.settings_of("ota"))
        key = key_of(path)
        store.put(key, path)
        answer = asyncio.run(offer(stage.cloud, device_id, name, path, store.presign(key, 600)))
        if answer["status"] not in ("REJECTED", "FAILED"):
            raise RowFailed(f"{device_id} answers {answer} to {name}")
        words.append(answer["detail"])
    _rest(stage, device_id)
    if stage.slot_files(device_id, "b") != before:
        raise RowFailed("the running slot changed")
    stage.live[device_id].power_on()
    return f"both refused by cloud and device ({words[1][:45]}; {words[3][:45]}), slot b unchanged, byte for byte"


def _rest(stage: Stage, device_id: str) -> None:
    stage.live[device_id].cut_power()


def _forged(stage: Stage) -> dict[str, Path]:
    """{what: file}: 1.3.0, each forged in its way."""
    strange = stage.folder / "strange-keys"
    keys.new(strange)
    unknown = stage.folder / "unknown" / "fieldrec-1.3.0.frel"
    release.build("1.3.0", ["virtual"], unknown.parent, created="2026-01-01T00:00:00Z")
    release.sign(unknown, strange / "release.pem")
    flipped = stage.folder / "flipped" / "fieldrec-1.4.0.frel"
    flipped.parent.mkdir()
    good = stage.build("1.4.0", _add_data)
    data = bytearray(good.read_bytes())
    table = next(f for f in release.inspect(good)["manifest"]["files"] if f["path"] == "app/table.json")
    payload = len(data) - release.inspect(good)["sizes"]["payload"]
    data[payload + table["offset"] + table["size"] // 2] ^= 1
    flipped.write_bytes(data)
    return {"a release by an unknown key": unknown, "a release with a flipped byte": flipped}


def power_cut(stage: Stage) -> str:
    """Power goes at a flash write in the middle of a download; the download goes on where it was."""
    device_id = IDS[2]
    board, live = stage.boards[device_id], stage.live[device_id]
    path = stage.build("1.5.0", _add_data)
    published = stage.publish(path)
    live.cut_power()
    board.cut = [_CUT_AT, 0.5]
    live.power_on()
    campaign = stage.campaign(published["digest"], filter={"ids": [device_id]})
    try:
        live.wait_for(lambda b: b.power == "dead", 60, "the power cut")
    except TimeoutError as error:
        raise RowFailed(str(error)) from None
    start = len(board.lines)
    live.power_on()
    *_, seen = stage.follow(campaign, _CAMPAIGN_S)
    if seen["status"] != "SUCCEEDED":
        raise RowFailed(f"the campaign ended {seen['status']}: {seen['reason']}; {seen['jobs']}")
    fetched, size = _fetched(stage.wait_line(device_id, "bytes fetched", 5, start)), path.stat().st_size
    if fetched > size * 0.75:
        raise RowFailed(f"after the cut {fetched} of {size} bytes were fetched again")
    return (
        f"cut at flash operation {_CUT_AT}, half written; then {fetched} of {size} bytes fetched, confirmed"
    )


_CAMPAIGN_S = 60
_CUT_AT = 1200
_DATA_BYTES = 300_000


def _add_data(source: Path) -> None:
    """Data that no slot has yet, so that there is something to download."""
    numbers = json.dumps([i * i for i in range(_DATA_BYTES // 8)])
    (source / "app/table.json").write_text(numbers[:_DATA_BYTES])
