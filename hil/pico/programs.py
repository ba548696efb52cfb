# ruff: noqa: F821  # the words of a PIO program are given by its decorator
# mypy: disable-error-code="import-not-found,name-defined"
"""The PIO programs: what watches pins, and what plays pulses. A test runs their machine code on an emulator."""

import rp2
from micropython import const
from rp2 import PIO

EDGES_HZ = 8_000_000  # 8 cycles a look: one look and one tick a microsecond
PULSES_HZ = 1_000_000
# of hil/pico/pins.py, as a constant of this file: while a program is assembled it sees no other names
_CAPTURE_COUNT = const(14)
PULSE_OVERHEAD = 4  # cycles of an event beside its count: pull, out, the last turn, out


@rp2.asm_pio(in_shiftdir=PIO.SHIFT_LEFT, fifo_join=PIO.JOIN_RX)
def edges():
    """Two words for each change: the pins, and the tick of the look that saw it, counting down from 2**32 - 1.

    OSR keeps the tick, Y the pins of the look before. The way through a change takes two ticks to the cycle. The first
    look always counts as a change, which tells the levels at the start. A push waits where the FIFO is full: that
    stops the ticks, and FDEBUG.RXSTALL tells.
    """
    mov(osr, invert(null))
    mov(y, invert(null))
    wrap_target()
    label("look")
    mov(x, osr)
    jmp(x_dec, "counted")
    label("counted")
    mov(osr, x)
    mov(isr, null)
    in_(pins, _CAPTURE_COUNT)
    mov(x, isr)
    jmp(x_not_y, "changed")
    jmp("look")
    label("changed")
    mov(y, x)
    push(block)
    mov(isr, osr)
    push(block)
    mov(x, osr)
    jmp(x_dec, "counted_again")
    label("counted_again")
    mov(osr, x)[2]
    wrap()


@rp2.asm_pio(
    out_init=PIO.IN_LOW,
    set_init=PIO.IN_LOW,
    out_shiftdir=PIO.SHIFT_RIGHT,
    fifo_join=PIO.JOIN_TX,
)
def pulses():
    """A word an event: bits 0 to 30 the cycles until then, less the overhead; bit 31 whether the pin drives then."""
    wrap_target()
    pull(block)
    out(x, 31)
    label("wait")
    jmp(x_dec, "wait")
    out(pindirs, 1)
    wrap()
