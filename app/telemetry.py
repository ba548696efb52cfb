"""What the device says of itself: presence, heartbeat, events. In private mode none of it."""

import asyncio
import json
import random
import time

from micropython import const

from wire import topics

_EVENTS = const(32)  # kept while offline; then the oldest is dropped
_EARLIEST_YEAR = const(2025)


def clock_is_sane():
    """Without a battery the clock of a board starts in its epoch year."""
    return time.gmtime()[0] >= _EARLIEST_YEAR


def utc():
    """Now, as text; None before the clock was set."""
    if not clock_is_sane():
        return None
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*time.gmtime()[:6])


def message(**fields):
    """The bytes of a message in the form that all have."""
    fields["v"] = topics.VERSION
    return json.dumps(fields).encode()


class Telemetry:
    """`status()` gives the heartbeat's fields, `private()` whether to be silent, `period_s()` how often."""

    def __init__(self, device_id, status, private, period_s):
        self.dropped = 0
        self._id, self._status, self._private, self._period_s = device_id, status, private, period_s
        self._events = []
        self._more = asyncio.Event()

    def will(self):
        """(topic, payload) that the broker publishes when this device vanishes."""
        return topics.topic(self._id, "presence"), message(online=False, since=None)

    def event(self, kind, **fields):
        """Keep an event to be sent once there is a network; in private mode it is not kept. Never waits."""
        if self._private():
            return
        if len(self._events) >= _EVENTS:
            self._events.pop(0)
            self.dropped += 1
        fields["at"] = utc()
        self._events.append(message(kind=kind, **fields))
        self._more.set()

    async def announce(self, mqtt):
        presence = topics.topic(self._id, "presence")
        await mqtt.publish(presence, message(online=True, since=utc()), retain=True)

    async def beat(self, mqtt):
        """A heartbeat at once, then one every period, give or take 20 %."""
        while True:
            fields = self._status()
            fields.setdefault("counters", {}).update(events_dropped=self.dropped, oversize=mqtt.oversize)
            await mqtt.publish(topics.topic(self._id, "heartbeat"), message(**fields))
            await asyncio.sleep_ms(self._period_s() * random.randint(800, 1200))

    async def send_events(self, mqtt):
        """One after the other; each leaves the queue once it was acknowledged."""
        while True:
            if not self._events:
                self._more.clear()
                await self._more.wait()
            first = self._events[0]
            await mqtt.publish(topics.topic(self._id, "events"), first)
            if self._events and self._events[0] is first:  # else it was pushed out meanwhile
                self._events.pop(0)
