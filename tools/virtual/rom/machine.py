"""`machine` of the virtual board, at MicroPython's own API; what a pin or a bus does is `sim.world`'s matter."""

import io

import sim
from wiring import I2C_SCL as _I2C_SCL
from wiring import I2C_SDA as _I2C_SDA
from wiring import SIGNALS as _SIGNALS
from wiring import THERMISTOR_ADC as _THERMISTOR_ADC
from wiring import WAKE_TO_CODE_US as _WAKE_TO_CODE_US

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
PIN_WAKE = EXT0_WAKE = 2
EXT1_WAKE, TIMER_WAKE = 3, 4
_CAUSES = {
    "power": PWRON_RESET,
    "reset": HARD_RESET,
    "wdt": WDT_RESET,
    "wake": DEEPSLEEP_RESET,
    "soft": SOFT_RESET,
}
_WAKES = {"": 0, "ext0": EXT0_WAKE, "ext1": EXT1_WAKE, "timer": TIMER_WAKE}
_ETIMEDOUT = 116
_LINES = {_I2C_SDA: "sda", _I2C_SCL: "scl"}
_WAKE_US = 800  # from light sleep to code
_I2C_FRAME_US = 90  # nine clocks at 100 kHz
_EIO, _ENODEV = 5, 19
_MOST_BYTES = 4096  # of sound at a time, what the tone has
_HANG_US = 5_000_000  # when an image with that fault stands still

_wake_config = {"ext0": None, "ext1": None}  # set by the esp32 module


def reset_cause():
    return _CAUSES[sim.config["cause"]]


def wake_reason():
    return _WAKES[sim.config["wake"]]


def wake_pins():
    """The numbers of the pins that ended deep sleep."""
    return tuple(number for number, signal in _SIGNALS.items() if signal in sim.config["wake_signals"])


def unique_id():
    return bytes.fromhex(sim.config["unique_id"])


def freq(hz=None):
    return 240_000_000


def disable_irq():
    before, sim.irq_blocked = sim.irq_blocked, True
    return before


def enable_irq(state):
    sim.irq_blocked = state


def idle():
    sim.sleep_us(1000)


def _stop(how, sleep_ms=None):
    timer_us = None if sleep_ms is None else sim.world.now_us + sleep_ms * 1000
    sim.end(how, wake=dict(_wake_config, timer_us=timer_us))


def reset():
    _stop("reset")


def soft_reset():
    _stop("soft")


def deepsleep(time_ms=None):
    _stop("deepsleep", time_ms)


def lightsleep(time_ms=None):
    """Sleep until a wake signal is active or the time is over; memory and pins are kept, edges interrupt nothing."""
    sim.light_sleep(sim.now_us() + (1 << 50 if time_ms is None else time_ms * 1000), _wake_active)
    sim.spend(_WAKE_US)


def _wake_active():
    levels = sim.world.levels
    for entry in _wake_config.values():
        if entry:
            for name in entry[0]:
                if levels[name] == entry[1]:
                    return True
    return False


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    WAKE_LOW, WAKE_HIGH = 4, 5

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self._id = id
        self._signal = _SIGNALS.get(id)
        self._line = _LINES.get(id)
        self._out = 0
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        self._drives = mode in (self.OUT, self.OPEN_DRAIN)
        if value is not None:
            self.value(value)

    def value(self, x=None):
        if self._line:
            return self._wire(x)
        if x is None:
            return self._out if self._drives else self._input()
        x = 1 if x else 0
        if x != self._out:
            self._out = x
            if self._signal:
                sim.edge(self._signal, x)
        return None

    def _wire(self, x):
        """A line of the I2C bus: what is read is its level, whoever pulls it."""
        if x is None:
            sim.now_us()
            return sim.world.bus.level(self._line)
        sim.world.bus.pull(self._line, 1 if x else 0)
        return None

    def _input(self):
        sim.now_us()  # so that what is due has happened
        return sim.world.levels.get(self._signal, 0)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self._out)

    def irq(self, handler=None, trigger=IRQ_RISING | IRQ_FALLING, hard=False):
        sim.irq_handlers[self._signal] = (handler, trigger, self)


class ADC:
    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3

    def __init__(self, id, *, atten=ATTN_0DB):
        self._id = id._id if isinstance(id, Pin) else id

    def read_uv(self):
        """Calibrated microvolts, in the steps of 1 mV that ESP-IDF's calibration gives."""
        sim.spend(100)
        uv = sim.world.thermistor_uv() if self._id == _THERMISTOR_ADC else 0
        return (uv + 500) // 1000 * 1000

    def read_u16(self):
        return min(65535, self.read_uv() * 65535 // 3_300_000)


class PWM:
    def __init__(self, dest, *, freq=1000, duty_u16=0):
        self._signal = dest._signal
        self._freq = freq
        self._duty = -1
        self.duty_u16(duty_u16)

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._freq = value
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        if value != self._duty:
            self._duty = value
            if self._signal == "LOAD":
                sim.settle()
                sim.world.duty = value / 65535
            sim.edge(self._signal, value)
        return None

    def deinit(self):
        self.duty_u16(0)


class I2C:
    def __init__(self, id, *, scl=None, sda=None, freq=400_000, timeout=50_000):
        self._frame_us = _I2C_FRAME_US * 100_000 // freq
        self._timeout_us = timeout
        sim.world.bus.release()

    def _transfer(self, act, addr, memaddr, buf, frames):
        bus = sim.world.bus
        begun_us = sim.now_us()
        wait_us = bus.wait_us(addr)
        if wait_us is None or wait_us > self._timeout_us:
            sim.spend(self._timeout_us)
            raise OSError(_ETIMEDOUT)
        sim.spend(wait_us + frames * self._frame_us)
        alert = bus.part.alert
        error = act(addr, memaddr, buf, begun_us)
        if bus.part.alert != alert:
            sim.settle()  # the event line follows
        if error:
            raise OSError(error)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)
        return bytes(buf)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._transfer(sim.world.bus.read, addr, memaddr, buf, 3 + len(buf))

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._transfer(sim.world.bus.write, addr, memaddr, buf, 2 + len(buf))
        sim.disturbed()  # an alert may come sooner

    def scan(self):
        return [addr for addr in range(0x08, 0x78) if self._is_there(addr)]

    def _is_there(self, addr):
        try:
            self._transfer(sim.world.bus.probe, addr, 0, b"", 1)
        except OSError:
            return False
        return True


class I2S(io.IOBase):
    """The microphone: samples come at the pace of the board's clock. What it hears: `World.set_sound`."""

    RX, TX = 0, 1
    MONO, STEREO = 0, 1

    def __init__(self, id, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        self._bytes_per_s = rate * bits // 8
        self._ibuf = ibuf
        self._started_us = sim.now_us()
        self._taken = 0
        self._alarm_us = 0
        self._source = sim.late("sounds").source(sim.world.sound, self._started_us * rate // 1_000_000)

    def _available(self):
        sent = (sim.now_us() - self._started_us) * self._bytes_per_s // 1_000_000 & ~1
        if sent - self._taken > self._ibuf:
            self._taken = sent - self._ibuf  # the DMA ring overwrote its oldest, in silence, as I2S does
        return sent - self._taken

    def ioctl(self, request, arg):
        if request != 3:  # MP_STREAM_POLL
            return -1
        wanted = self._ibuf // 4
        if self._available() >= wanted:
            return arg & 1
        if self._alarm_us <= sim.world.now_us:
            missing = wanted - self._available()
            self._alarm_us = sim.world.now_us + missing * 1_000_000 // self._bytes_per_s + 1
            sim.alarm(self._alarm_us, _nothing)
        return 0

    def readinto(self, buf):
        while self._available() < 2:
            sim.sleep_us(1000)
        n = min(len(buf) & ~1, self._available(), _MOST_BYTES)
        self._source(memoryview(buf)[:n], self._taken)
        self._taken += n
        return n

    def deinit(self):
        self._ibuf = 0


def _nothing():
    """An alarm whose only use is that time stops there, so that what waits is polled."""


def _hang():
    """An interrupt that never comes back: nothing runs any more but the watchdog."""
    while True:
        sim.sleep_us(1_000_000)


class RTC:
    def __init__(self, id=0):
        pass

    def memory(self, data=None):
        if data is None:
            return bytes.fromhex(sim.config["rtc"])
        if len(data) > 2048:
            raise ValueError("buffer too long")
        sim.config["rtc"] = bytes(data).hex()
        sim.tell(ev="rtc", memory=sim.config["rtc"])
        return None

    def datetime(self, datetimetuple=None):
        import time

        if datetimetuple is not None:
            year, month, day, _, hour, minute, second, _ = datetimetuple
            sim.config["utc_s"] += time.mktime((year, month, day, hour, minute, second, 0, 0)) - time.time()
            sim.tell(ev="utc", utc_s=sim.config["utc_s"])
            return None
        year, month, day, hour, minute, second, weekday, _ = time.gmtime()
        return (year, month, day, weekday, hour, minute, second, sim.world.now_us % 1_000_000)


class WDT:
    def __init__(self, *, id=0, timeout=5000):
        sim.wdt_timeout_us = timeout * 1000
        sim.tell(ev="wdt", timeout_ms=timeout)
        self.feed()

    def feed(self):
        sim.bite_at(sim.now_us() + sim.wdt_timeout_us)


class SDCard:
    def __init__(
        self,
        slot=1,
        width=1,
        cd=None,
        wp=None,
        sck=None,
        miso=None,
        mosi=None,
        cs=None,
        cmd=None,
        data=None,
        freq=20_000_000,
    ):
        self._file = _open_image("sd.img")
        self._blocks = self._file.seek(0, 2) // 512

    def readblocks(self, block_num, buf):
        if not sim.world.card:
            return -_EIO
        self._file.seek(block_num * 512)
        self._file.readinto(buf)

    def writeblocks(self, block_num, buf):
        if not sim.world.card:
            return -_EIO
        stall_us, sim.world.card_stall_us = sim.world.card_stall_us, 0
        sim.spend(300 + len(buf) // 512 * 60 + stall_us)
        self._file.seek(block_num * 512)
        self._file.write(buf)

    def ioctl(self, op, arg):
        if not sim.world.card:
            raise OSError(_ENODEV)
        if op == 4:
            return self._blocks
        return 512 if op == 5 else 0

    def info(self):
        return (self._blocks * 512, 512)

    def deinit(self):
        pass


def _open_image(name):
    """A file of the board's folder on the host; opened before the board's own file system hides it."""
    return _images[name]


_images = {}


def _power_up():
    """Called once by the ROM, before any code of the board."""
    for name in ("flash.img", "sd.img"):
        _images[name] = open(sim.config["folder"] + "/" + name, "r+b")  # noqa: SIM115  # until power is cut
    if sim.world.frames:
        __import__("camera")  # while this folder is in sight
    sim.wdt_due_us = sim.config["wdt_due_us"]
    if sim.config["fault"] == "hang":
        sim.alarm(sim.boot_us + _HANG_US, _hang)
    if sim.config["cause"] == "wake":
        sim.run_to(sim.boot_us + _WAKE_TO_CODE_US)
