"""Time since the start that doesn't wrap, as ticks do after 12 days."""

from time import ticks_diff, ticks_ms

_last = ticks_ms()
_uptime_ms = ticks_diff(_last, 0)


def ms():
    """Milliseconds since the start. To be asked at least once in 6 days; the log and the heartbeat do."""
    global _last, _uptime_ms
    now = ticks_ms()
    _uptime_ms += ticks_diff(now, _last)
    _last = now
    return _uptime_ms
