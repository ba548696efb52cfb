"""The board's clock and its line to the supervisor: what stands behind every stand-in module of this folder.

Virtual time jumps from event to event and is deterministic. *Live* time follows the host's clock: on request, and
for as long as a real socket is waited for, which would otherwise race the jumps. At a `rate` over 1 the waits are
faster and the computing is not, or a watchdog would bite a board whose host is busy.

The supervisor grants time (`until`); at its end the board stands still, reports, and waits for orders.
Messages are JSON lines: to the board {"until"|"do"|"end"|"ping": ...}, from it {"ev": ...}.
"""

import gc
import json
import os
import select
import sys

import utime as host
import vfs
from micropython import const
from world import NEVER_US, World

_READ_COST_US = const(2)  # a look at the clock takes time, or a loop that only looks would never end
_POLL_MS = 10
_EPOCH_2000 = 946684800  # MicroPython's epoch on a board

config: dict = {}
world = World()
boot_us = 0
alarms = []  # [time_us, function]: what peripherals wait for
irq_handlers = {}  # signal -> (handler, trigger mask, pin)
irq_blocked = False
asleep = False  # light sleep: no interrupt, and a signal that changes ends it
stirred = False
slept_us = 0  # in light sleep, since the start
wdt_timeout_us = 0
wdt_due_us = NEVER_US
flash_ops = 0
power_is_gone = False  # while the heap was locked: it ends at the next look at the clock
done = 0  # orders to the world that were carried out

_quiet_us = 0  # nothing happens before: until then the clock may be moved on without a look at anything
_ticks_from_us = 0  # where ticks are zero
_grant = 0  # number of the grant of time that holds
_until_us = 0
_stop_on_notice = False
_noticed = False
_owed_us = 0  # of operations with the heap locked
_live = False
_host_us = 0  # the host's ticks that the clock has followed up to
_down = None
_up = None
_orders = select.poll()


def start():
    """Take the boot message from the supervisor; nothing of the board runs before."""
    global config, world, boot_us, flash_ops, _ticks_from_us, _down, _up
    down, up = (int(fd) for fd in os.getenv("FIELDREC_BOARD_FDS").split(","))
    _down = open(down, "rb")  # noqa: SIM115  # until power is cut
    _up = open(up, "wb")  # noqa: SIM115
    _orders.register(_down, select.POLLIN)
    config = json.loads(_down.readline())
    world = World(config["world"])
    boot_us, flash_ops = world.now_us, config["flash_ops"]
    _ticks_from_us = boot_us - config["ticks_offset_us"]
    if config["cut"]:
        config["cut"][1] = int(config["cut"][1] * 4096)
    if config["real"]:
        _go_live()


def tell(**message):
    _up.write(json.dumps(message) + "\n")


# -- the clock


def now_us():
    """Microseconds of the board's clock since it was made."""
    if _live:
        _follow()
        return world.now_us
    us = world.now_us + _READ_COST_US
    if us < _quiet_us:
        world.now_us = us
        return us
    run_to(us)
    return world.now_us


def uptime_us():
    """Since the last start; `ticks_offset_us` lets a run begin shortly before ticks wrap."""
    return now_us() - _ticks_from_us


def utc_s():
    """Seconds since 2000-01-01 UTC, as a board's RTC counts."""
    return config["utc_s"] - _EPOCH_2000 + now_us() // 1000000


def spend(us):
    """Time that an operation of the hardware takes; live, it takes the time it takes."""
    if not _live:
        run_to(world.now_us + us)


def spend_or_owe(us):
    """The same for an operation that may come with the heap locked: no time can pass then, it is made up for."""
    global _owed_us
    if _heap_is_locked():
        _owed_us += us
        disturbed()
    else:
        spend(us)


def cut_power():
    """Power goes in the middle of an operation of the flash."""
    global power_is_gone
    if not _heap_is_locked():
        end("cut")
    power_is_gone = True
    disturbed()


def _heap_is_locked():
    try:
        object()
    except MemoryError:
        return True
    return False


def _make_up():
    global _owed_us
    if _heap_is_locked():
        return
    if power_is_gone:
        end("cut")
    owed_us, _owed_us = _owed_us, 0
    spend(owed_us)


def sleep_us(us):
    """Sleep; interrupts, alarms and orders are served meanwhile."""
    target = now_us() + us
    while world.now_us < target and not stirred:
        if _live:
            wait_ms = _host_ms(min(target, _next_us()))
            _follow()
            _wait_orders(wait_ms)
            _follow(wait_ms * 1000)
        else:
            run_to(target)


def _next_us():
    return min(world.next_us(), alarms[0][0] if alarms else NEVER_US, wdt_due_us)


def run_to(target_us):
    """Let time pass up to `target_us`; what is due on the way happens at its own time."""
    global _quiet_us
    while world.now_us < target_us:
        if target_us < _quiet_us:
            world.now_us = target_us
            return
        if _owed_us or power_is_gone:
            _make_up()
        if not _live and (world.now_us >= _until_us or (_noticed and _stop_on_notice)):
            _pause()
        if stirred:
            return
        to_us = min(target_us, _due_us())
        if to_us < _next_us():
            world.now_us = to_us  # the end of a wait, or of the granted time, is nothing to the world
        else:
            _pass(to_us)
        _quiet_us = 0 if _noticed and _stop_on_notice else _due_us()


def _due_us():
    """When something happens next; the end of the granted time is something too."""
    return _next_us() if _live else min(_next_us(), _until_us)


def _pass(to_us):
    """Let time pass, and what is due at its end happen."""
    disturbed()
    changed = world.advance(max(to_us, world.now_us))
    if world.now_us >= wdt_due_us:
        end("wdt")
    while alarms and alarms[0][0] <= world.now_us:
        alarms.pop(0)[1]()
    for signal, level in changed:
        _interrupt(signal, level)


def settle():
    """Bring the world up to now, before something acts on it."""
    _pass(now_us())


def disturbed():
    """Something may happen earlier than was thought."""
    global _quiet_us
    _quiet_us = 0


def alarm(at_us, function):
    """Call `function` at a time of the board's clock."""
    i = len(alarms)
    while i and alarms[i - 1][0] > at_us:
        i -= 1
    alarms.insert(i, (at_us, function))
    disturbed()


def bite_at(at_us):
    """When the watchdog ends it all, unless it is fed."""
    global wdt_due_us
    wdt_due_us = at_us
    if at_us < _quiet_us:
        disturbed()


def light_sleep(until_us, is_woken):
    """Sleep, looking at `is_woken()` whenever a signal has changed."""
    global asleep, stirred, slept_us
    from_us = world.now_us
    asleep = True
    while world.now_us < until_us and not is_woken():
        stirred = False
        sleep_us(until_us - world.now_us)
    asleep = stirred = False
    slept_us += world.now_us - from_us


def _interrupt(signal, level):
    global stirred
    if asleep:
        stirred = True
        return
    entry = irq_handlers.get(signal)
    if entry and entry[0] and entry[1] & (1 if level else 2) and not irq_blocked:
        entry[0](entry[2])


def edge(signal, value):
    """An output changed."""
    tell(ev="edge", t=world.now_us, signal=signal, value=value)
    noticed()


def noticed():
    """Something can be seen from outside: where the supervisor waits for that, time stops at it."""
    global _noticed, _quiet_us
    _noticed, _quiet_us = True, 0


# -- live time


def _go_live():
    global _live, _host_us
    _live, _host_us = True, host.ticks_us()
    disturbed()


def _leave_live():
    global _live
    if not config["real"]:
        _live = False
        disturbed()


def _follow(waited_us=0):
    """Let the time pass that the host's clock has gone on, `waited_us` of it at most in waiting."""
    global _host_us
    now = host.ticks_us()
    elapsed = host.ticks_diff(now, _host_us)
    _host_us = now
    waited = min(elapsed, waited_us)
    run_to(world.now_us + elapsed - waited + int(waited * config["rate"]))


def _host_ms(target_us):
    return max(0, min(1000, int((target_us - world.now_us) / config["rate"] / 1000) + 1))


def _wait_orders(timeout_ms):
    if _orders.poll(timeout_ms):
        _obey()


# -- the supervisor's orders


def _obey():
    global _grant, _until_us, _stop_on_notice, done
    line = _down.readline()
    if not line:
        sys.exit(0)  # the supervisor is gone
    order = json.loads(line)
    disturbed()
    if "until" in order:
        _grant, _until_us = order["grant"], order["until"]
        _stop_on_notice = order.get("stop_on_notice", False)
    elif "do" in order:
        settle()  # an end may be ordered in it: this order then falls to the supervisor
        getattr(world, order["do"][0])(*order["do"][1:])
        done += 1
        _pass(world.now_us)
    elif "end" in order:
        end(order["end"])
    elif "ping" in order:
        tell(ev="pong", ping=order["ping"], world=world.save())


def _pause():
    """The granted time is used up: report, and stand still until there is more."""
    global _noticed
    _noticed = False
    tell(ev="paused", grant=_grant, world=world.save(), mem_free=gc.mem_free(), slept_us=slept_us)
    before = _grant
    while _grant == before:
        _obey()


def end(how, **more):
    """Stop here and now, as silicon does: no `finally` runs, no file is closed."""
    tell(ev="end", how=how, world=world.save(), wdt_due_us=wdt_due_us, flash_ops=flash_ops, done=done, **more)
    while _down.readline():
        continue  # until the supervisor ends the process
    sys.exit(0)  # it has ended itself


# -- modules that are seldom needed


def late(name, *others):
    """A module of this folder, read anew each time: it is no part of a board's heap for long. `others` it imports."""
    vfs.mount(vfs.VfsPosix(_folder), "/.rom")
    sys.path.insert(0, "/.rom")
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)
        vfs.umount("/.rom")
        for each in others:
            sys.modules.pop(each, None)
        sys.modules.pop(name, None)


_folder = os.getenv("MICROPYPATH").split(":")[0]


# -- what asyncio waits with


def wait_io(io_queue, timeout_ms):
    """Let time pass until a stream of the queue is ready, or `timeout_ms` (-1: for ever) is over."""
    real = io_queue.sockets_waited > 0
    if real and not _live:
        _go_live()
    elif _live and not real:
        _leave_live()
    if _live:
        _wait_orders(0)  # also where something is always ready
    target = NEVER_US if timeout_ms < 0 else now_us() + timeout_ms * 1000
    while not io_queue.wake_ready() and world.now_us < target:
        stop_us = min(target, _next_us())
        if not _live:
            run_to(stop_us)
            continue
        _follow()
        wait_ms = min(_POLL_MS if io_queue.map else 1000, _host_ms(stop_us))
        if real:
            io_queue.sockets.poll(wait_ms)
        _wait_orders(0 if real else wait_ms)
        _follow(wait_ms * 1000)
