# mypy: ignore-errors
# (it runs inside MicroPython, in the place of its modules)
"""`machine` of a simulated Pico, at MicroPython's own API as far as the rig's firmware goes."""

import bench
import micropython

PIO_BASES = (0x50200000, 0x50300000)
_FDEBUG = 0x08


def unique_id():
    return bytes(range(8))


def freq():
    return 125_000_000


def disable_irq():
    return 0


def enable_irq(state):
    pass


class _Memory:
    """Registers: only FDEBUG of the first PIO is there."""

    def __getitem__(self, address):
        bench.advance()
        self._check(address)
        return int(bench.stalled)

    def __setitem__(self, address, value):
        self._check(address)
        if value & 1:
            bench.stalled = False

    def _check(self, address):
        if address != PIO_BASES[0] + _FDEBUG:
            raise ValueError(f"nothing at 0x{address:08x}")


mem32 = _Memory()


class Pin:
    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self.number = id
        self._mode = mode
        if mode == self.IN:
            bench.drive(id, "pin", None)
        elif value is not None:
            self.value(value)

    def value(self, x=None):
        if x is None:
            bench.advance()
            return bench.levels[self.number]
        floats = self._mode == self.OPEN_DRAIN and x
        bench.drive(self.number, "pin", None if floats else int(bool(x)))
        return None


class PWM:
    def __init__(self, dest, *, freq=1000, duty_u16=0):
        self.duty = duty_u16

    def duty_u16(self, value=None):
        if value is None:
            return self.duty
        self.duty = value
        return None


class UART:
    """The device's log comes in here."""

    def __init__(self, id, baudrate=9600, *, rx=None, rxbuf=256):
        self._most = rxbuf

    def any(self):
        bench.advance()
        return min(len(bench.said), self._most)

    def readinto(self, buf):
        number = min(self.any(), len(buf))
        buf[:number] = bench.said[:number]
        bench.said = bench.said[number:]
        return number or None


class Timer:
    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id=-1, *, mode=PERIODIC, period=-1, callback=None, hard=False):
        bench.timers.append([bench.now_us() + period * 1000, period * 1000, callback])


class I2CTarget:
    """As the port's C code serves memory: the first byte written is the address, reads go on from there."""

    IRQ_ADDR_MATCH_READ, IRQ_ADDR_MATCH_WRITE, IRQ_READ_REQ, IRQ_WRITE_REQ = 1, 2, 4, 8
    IRQ_END_READ, IRQ_END_WRITE = 16, 32

    def __init__(self, id, addr, *, mem=None, scl=None, sda=None):
        self._memory = mem
        self._place = 0
        self._handler, self._trigger = None, 0
        self._interrupt = _Interrupt()
        targets[addr] = self

    def irq(self, handler=None, trigger=IRQ_END_READ | IRQ_END_WRITE, hard=False):
        self._handler, self._trigger = handler, trigger
        return self._interrupt

    def deinit(self):
        for address in [address for address in targets if targets[address] is self]:
            del targets[address]

    def _event(self, flag):
        if self._handler and flag & self._trigger:
            self._interrupt.flag = flag
            bench.in_interrupt = True
            micropython.heap_lock()  # as in a hard interrupt
            try:
                self._handler(self)
            finally:
                micropython.heap_unlock()
                bench.in_interrupt = False

    def _put(self, data):
        self._event(self.IRQ_ADDR_MATCH_WRITE)
        self._place = data[0]
        for byte in data[1:]:
            self._memory[self._place] = byte
            self._place = (self._place + 1) % len(self._memory)
        if len(data) > 1:
            self._event(self.IRQ_END_WRITE)

    def _get(self, buf):
        self._event(self.IRQ_ADDR_MATCH_READ)
        for i in range(len(buf)):
            buf[i] = self._memory[self._place]
            self._place = (self._place + 1) % len(self._memory)
        self._event(self.IRQ_END_READ)


class _Interrupt:
    flag = 0

    def flags(self):
        return self.flag


targets = {}  # address: I2CTarget


class I2C:
    """The device's end of the gauge's bus: what its drivers use."""

    def __init__(self, id=0, *, scl=None, sda=None, freq=400_000, timeout=50_000):
        pass

    def _find(self, addr):
        from hil.pico.pins import SCL_JAM, SDA_JAM

        for jam in (SDA_JAM, SCL_JAM):
            if 0 in bench.drives.get(jam, {}).values():
                raise OSError(110)  # ETIMEDOUT
        if addr not in targets:
            raise OSError(19)  # ENODEV: no acknowledge
        return targets[addr]

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        target = self._find(addr)
        target._put(bytes([memaddr]))
        target._get(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._find(addr)._put(bytes([memaddr]) + bytes(buf))
