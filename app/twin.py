"""Settings that the cloud wants this device to have, and what the device says of them. Loaded when one came.

    config/desired   {"v", "version", "settings": {name: value}}
    config/reported  {"v", "version": that was applied last, "settings": all but the local ones, "refused": {name: why}}

What was applied is in /data/twin.json. A change at the device afterwards stays, until the cloud wants another version.
"""

import json

from micropython import const

from app import config
from app.settings import TABLE
from app.telemetry import message
from wire import topics

_WORDS = const(160)
_MOST = const(32)  # settings in a message


async def report(ctx, mqtt, desired=None):
    """Apply `desired`, a message, if there is one, and say how things are. One that can't be read is logged."""
    settings, path = ctx.settings(), ctx.root + "/data/twin.json"
    applied = config.read_json(path, None) or {"version": 0, "refused": {}}
    if desired is not None:
        try:
            version, wanted = parse(desired)
        except (ValueError, RuntimeError) as error:  # the latter: nested too deeply
            ctx.log(f"settings of the cloud: can't be read: {error}")
            return
        if version != applied["version"]:
            applied = {"version": version, "refused": apply(settings, wanted)}
            config.make_folders(path)
            config.write_json(path, applied)
            ctx.log(f"settings of the cloud: version {version}, refused: {applied['refused']}")
    shown = {name: getattr(settings, name) for name in TABLE if name not in topics.LOCAL_SETTINGS}
    body = message(version=applied["version"], settings=shown, refused=applied["refused"])
    await mqtt.publish(topics.topic(ctx.device["id"], "config/reported"), body, retain=True)


def parse(payload):
    """(version, {name: value}) of a message; ValueError if it is none."""
    told = json.loads(payload)
    if (
        type(told) is not dict
        or type(told.get("version")) is not int
        or type(told.get("settings")) is not dict
    ):
        raise ValueError("no version or no settings")
    if len(told["settings"]) > _MOST:
        raise ValueError(f"{len(told['settings'])} settings")
    return told["version"], told["settings"]


def apply(settings, wanted):
    """Change what can be; {name: why not} of the rest."""
    refused = {}
    for name, value in wanted.items():
        try:
            if name in topics.LOCAL_SETTINGS:
                raise ValueError("is set at the device alone")
            settings.check(name, value)
            if getattr(settings, name) != value:
                settings.change(name, value)
        except ValueError as error:
            refused[name] = str(error)[:_WORDS]
    return refused
