# mypy: ignore-errors
# (it runs inside MicroPython, in the place of its modules)
"""`time` of a simulated Pico: MicroPython's own, on the bench's clock."""

import bench
import utime as _host

_PERIOD = 1 << 30  # of ticks on a 32-bit board


def ticks_us():
    bench.advance()
    return bench.now_us() & (_PERIOD - 1)


def ticks_ms():
    bench.advance()
    return bench.now_us() // 1000 & (_PERIOD - 1)


def ticks_add(ticks, delta):
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(ticks1, ticks2):
    return ((ticks1 - ticks2 + (_PERIOD >> 1)) & (_PERIOD - 1)) - (_PERIOD >> 1)


def sleep_us(us):
    _host.sleep_us(us)
    if not bench.in_interrupt:
        bench.advance()


def sleep_ms(ms):
    sleep_us(ms * 1000)
