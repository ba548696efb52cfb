# mypy: ignore-errors
# (it runs inside MicroPython, in the place of its modules)
"""`rp2` of a simulated Pico: an assembler, state machines that do what our two programs do, DMA between both."""

import asm
import bench
import machine

_TXF0, _RXF0 = 0x10, 0x20
_SET_PINS, _SET_PINDIRS = 0xE000, 0xE080
_OVERHEAD = 4  # cycles of an event of `pulses` beside its count

machines = {}


class PIO:
    IN_LOW, IN_HIGH, OUT_LOW, OUT_HIGH = 0, 1, 2, 3
    SHIFT_LEFT, SHIFT_RIGHT = 0, 1
    JOIN_NONE, JOIN_TX, JOIN_RX = 0, 1, 2


def asm_pio(
    *,
    out_init=None,
    set_init=None,
    in_shiftdir=PIO.SHIFT_LEFT,
    out_shiftdir=PIO.SHIFT_LEFT,
    fifo_join=PIO.JOIN_NONE,
):
    options = {"in_shiftdir": in_shiftdir, "out_shiftdir": out_shiftdir, "fifo_join": fifo_join}
    return lambda function: asm.Program(function.__name__, options).assemble(function)


def asm_pio_encode(instr, sideset_count, sideset_opt=False):
    program = asm.Program("", {})
    exec(instr, program._language())
    return program.words[0]


class StateMachine:
    def __init__(self, id, program=None, *, freq=-1, in_base=None, out_base=None, set_base=None):
        self.id = id
        self.fifo = bench.Fifo()
        machines[id] = self
        if program:
            self.init(program, freq=freq, in_base=in_base, out_base=out_base, set_base=set_base)

    def init(self, program, *, freq=-1, in_base=None, out_base=None, set_base=None):
        self._program = program
        self._pin = (in_base or out_base).number
        self._us = 1_000_000 / freq
        self._value = 0
        self.fifo.words.clear()

    def active(self, value=None):
        if value is not None and getattr(self, "_program", None) and self._program.name == "edges":
            bench.capture = bench.Watcher(self.fifo) if value else None

    def restart(self):
        bench.cancel(self.id)

    def exec(self, instr):
        if instr & 0xFFE0 == _SET_PINS:
            self._value = instr & 1
        elif instr & 0xFFE0 == _SET_PINDIRS:
            bench.drive(self._pin, self.id, self._value if instr & 1 else None)

    def _play(self, words):
        us = bench.now_us()
        for word in words:
            us += int(((word & 0x7FFFFFFF) + _OVERHEAD) * self._us)
            bench.schedule(us, self._pin, self.id, self._value if word >> 31 else None)


class DMA:
    def __init__(self):
        self.left = 0
        self._stored = 0

    def pack_ctrl(
        self,
        *,
        size=2,
        inc_read=True,
        inc_write=True,
        ring_size=0,
        ring_sel=False,
        treq_sel=0x3F,
    ):
        return 1 << ring_size

    def config(self, *, read=None, write=None, count=None, ctrl=None, trigger=False):
        if isinstance(read, int):
            self._ring, self._size, self._stored = write, ctrl, 0
            _machine(read - _RXF0).fifo.dma = self
            self.left = count
        else:
            _machine(write - _TXF0)._play(read[:count])

    def active(self, value=None):
        if value == 0:
            self.left = 0
        return bool(self.left)

    @property
    def count(self):
        bench.advance()
        return self.left

    def store(self, word):
        bench.put(self._ring, self._stored * 4 % self._size, word)
        self._stored += 1
        self.left -= 1


def _machine(address):
    """The state machine of a FIFO's address."""
    block = machine.PIO_BASES.index(address & 0xFFF00000)
    return machines[block * 4 + (address & 0xF) // 4]
