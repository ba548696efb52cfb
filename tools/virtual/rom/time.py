"""`time` of the board: MicroPython's own functions, on the board's clock. The epoch is 2000-01-01, as on ESP32."""

import sim
import utime as _host
from micropython import const

_PERIOD = const(1 << 30)  # of ticks on a 32-bit board; the interpreter under us has 64 bits
_OFFSET = const(946684800)  # the interpreter under us counts from 1970

_uptime_us = sim.uptime_us


def ticks_ms():
    return _uptime_us() // 1000 & (_PERIOD - 1)


def ticks_us():
    return _uptime_us() & (_PERIOD - 1)


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(ticks1, ticks2):
    return ((ticks1 - ticks2 + (_PERIOD >> 1)) & (_PERIOD - 1)) - (_PERIOD >> 1)


def sleep(seconds):
    sim.sleep_us(int(seconds * 1000000))


def sleep_ms(ms):
    sim.sleep_us(ms * 1000)


def sleep_us(us):
    sim.sleep_us(us)


def time():
    return sim.utc_s()


def time_ns():
    return sim.utc_s() * 1000000000 + sim.world.now_us % 1000000 * 1000


def gmtime(secs=None):
    return _host.gmtime((time() if secs is None else secs) + _OFFSET)


localtime = gmtime


def mktime(local_time):
    return int(_host.mktime(local_time)) - _OFFSET
