"""The commands of the cloud (`topics.COMMANDS`). Each is done once, however often it comes, and answered each time.

    {"v", "id", "expires": UTC text} -> {"v", "id", "status": SUCCEEDED | FAILED | REJECTED, "detail", ...}

Loaded while a command is at work only.
"""

import asyncio
import json

from micropython import const

from app import config, states
from app.link import NetworkError
from app.telemetry import message, utc
from wire import topics

_REMEMBERED = const(8)
_LOG_BYTES = const(2048)
_LAST_WORD_MS = const(10_000)  # for the answer before a reboot
_BLINK_MS = const(250)
_BLINKS = const(12)

_REBOOT, _RECONNECT = const(1), const(2)  # what is to be done after the answer


async def run(ctx, mqtt, name, payload, rotate):
    """Do one command, and answer it. True if a new connection is wanted. A message that is none is logged."""
    try:
        number, expires = parse(payload)
    except (ValueError, RuntimeError) as error:  # the latter: nested too deeply
        ctx.log(f"command {name}: can't be read: {error}")
        return False
    path = ctx.root + "/data/commands.json"
    known = config.read_json(path, [])
    after, answer = None, _answer_of(known, number)
    if answer is None:
        status, detail, more, after = await _do(ctx, name, expires, rotate)
        ctx.log(f"command {name} {number}: {status} {detail}")
        answer = {"id": number, "status": status, "detail": detail}
        known.append(answer)
        config.make_folders(path)
        config.write_json(path, known[-_REMEMBERED:])
        answer = dict(answer)
        answer.update(more)
    topic = topics.topic(ctx.device["id"], f"commands/{name}/result")
    try:
        await asyncio.wait_for_ms(mqtt.publish(topic, message(**answer)), _LAST_WORD_MS)
    except asyncio.TimeoutError:
        ctx.log(f"command {name} {number}: the answer is still on its way")
    if after == _REBOOT:
        ctx.reset("asked by the cloud")
    return after == _RECONNECT


def parse(payload):
    """(id, when it expires or None) of a message; ValueError if it is no command."""
    told = json.loads(payload)
    if type(told) is not dict:
        raise ValueError("no object")
    number, expires = told.get("id"), told.get("expires")
    if type(number) is not str or not 0 < len(number) <= 18 or not number.isdigit():
        raise ValueError("no id")
    if expires is not None and type(expires) is not str:
        raise ValueError("expires is no text")
    return number, expires


def _answer_of(known, number):
    for answer in known:
        if answer["id"] == number:
            return answer
    return None


async def _do(ctx, name, expires, rotate):
    """(status, detail, further fields, what is to be done after the answer)."""
    if name not in _ACTIONS:
        return topics.REJECTED, "no such command", {}, None
    now = utc()
    if now and expires and expires < now:
        return topics.REJECTED, "expired at " + expires, {}, None
    return await _ACTIONS[name](ctx, rotate)


async def _reboot(ctx, rotate):
    state = ctx.status()["state"]
    if state != states.IDLE:
        return topics.REJECTED, f"state {state}", {}, None
    return topics.SUCCEEDED, "", {}, _REBOOT


async def _identify(ctx, rotate):
    """Not where it would be heard in a recording."""
    state = ctx.status()["state"]
    if state != states.IDLE:
        return topics.REJECTED, f"state {state}", {}, None
    indicators = ctx.indicators()
    try:
        for i in range(_BLINKS):
            indicators.show(i % 2 == 0, False)
            indicators.vibrate(i % 4 == 0)
            await asyncio.sleep_ms(_BLINK_MS)
    finally:
        indicators.vibrate(False)
        ctx.show()
    return topics.SUCCEEDED, "", {}, None


async def _rotate_cert(ctx, rotate):
    try:
        await rotate()
    except (NetworkError, OSError) as error:
        return topics.FAILED, str(error)[:200], {}, None
    return topics.SUCCEEDED, "", {}, _RECONNECT


async def _send_log(ctx, rotate):
    """The last lines that are in memory, the oldest first."""
    lines: list = []
    size = 0
    for line in reversed(ctx.log_lines()):
        size += len(line) + 8
        if size > _LOG_BYTES:
            break
        lines.insert(0, line)
    return topics.SUCCEEDED, f"{len(lines)} lines", {"lines": lines}, None


_ACTIONS = {
    "reboot": _reboot,
    "identify": _identify,
    "rotate-cert": _rotate_cert,
    "send-log": _send_log,
}
