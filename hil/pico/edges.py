# mypy: disable-error-code="import-not-found"
"""Edges of the watched pins: the PIO finds them, DMA puts them in a ring, this hands them on or says what was lost."""

import struct

import machine
import rp2
import uctypes
from machine import Pin
from micropython import const

from hil import frames
from hil.pico import pins, programs

_SM = const(0)  # of PIO 0
_PIO0 = const(0x50200000)  # RP2040 datasheet 3.7, RP2350's 11.7: alike in what is used here
_FDEBUG = const(0x08)  # bits 0 to 3: RXSTALL of each state machine, cleared by writing 1
_RXF0 = const(0x20)
_DREQ_RX0 = const(4)
_WORD = const(2)
_RING_BITS = const(13)
_RING_BYTES = const(8192)
_RING_EDGES = const(1024)
_DIVIDER_STEPS = const(256)  # of the clock divider of a state machine
_TRANSFERS = const(0x0FFFFFFF)  # more than 100 million edges; RP2350 has other uses for the bits above
_EDGE_BYTES = const(8)
_HEAD_BYTES = const(21)
_MOST = (frames.MAX_PAYLOAD - _HEAD_BYTES) // _EDGE_BYTES


class Edges:
    def __init__(self, clock):
        self._clock = clock
        self._backing = bytearray(2 * _RING_BYTES)
        skip = (
            -uctypes.addressof(self._backing) % _RING_BYTES
        )  # DMA goes round at a multiple of the ring's size
        self._ring = memoryview(self._backing)[skip : skip + _RING_BYTES]
        self._machine = rp2.StateMachine(_SM)
        self._dma = rp2.DMA()
        self._payload = bytearray(frames.MAX_PAYLOAD)
        self.on = False
        self.told = 0  # edges handed on since the start of the session
        self._skipped = 0  # told, at the start of this run of the DMA
        self._epoch_us = 0

    def start(self):
        self.stop()
        if machine.freq() * _DIVIDER_STEPS % programs.EDGES_HZ:
            raise OSError(f"the PIO's divider can't make {programs.EDGES_HZ} Hz of {machine.freq()} Hz")
        for signal in pins.WATCHED:
            Pin(pins.SIGNALS[signal], Pin.IN, Pin.PULL_DOWN)
        self._machine.init(programs.edges, freq=programs.EDGES_HZ, in_base=Pin(pins.CAPTURE_BASE))
        machine.mem32[_PIO0 + _FDEBUG] = 1 << _SM
        control = self._dma.pack_ctrl(
            size=_WORD,
            inc_read=False,
            inc_write=True,
            ring_size=_RING_BITS,
            ring_sel=True,
            treq_sel=_DREQ_RX0 + _SM,
        )
        self._dma.config(
            read=_PIO0 + _RXF0 + 4 * _SM, write=self._ring, count=_TRANSFERS, ctrl=control, trigger=True
        )
        self._skipped = self.told
        before = self._clock.now()
        self._machine.active(1)
        self._epoch_us = (before + self._clock.now()) // 2
        self.on = True

    def stop(self):
        self._machine.active(0)
        self._dma.active(0)
        self.on = False

    def _written(self):
        """Edges in the ring since its start; only whole ones."""
        return self._skipped + (_TRANSFERS - self._left()) // 2

    def _left(self):
        """Transfers that DMA has yet to make. The documentation has this attribute, the stubs have it not."""
        return getattr(self._dma, "count")  # noqa: B009

    def poll(self, report):
        """Hand on what is there, a frame at most: `report(name, payload)`. True if there is more."""
        if not self.on:
            return False
        flags = self._faults()
        waiting = self._written() - self.told
        if not waiting and not flags:
            return False
        if waiting > _RING_EDGES:
            flags |= frames.OVERRUN
        if flags:
            report("EDGES", self._head(flags))
            self.start()  # its clock stood still, or its ring is torn: begin anew
            return False
        place = (self.told - self._skipped) % _RING_EDGES
        number = min(waiting, _MOST, _RING_EDGES - place)
        self._hand_on(report, place, number)
        return waiting > number

    def _hand_on(self, report, place, number):
        end = _HEAD_BYTES + number * _EDGE_BYTES
        self._payload[:_HEAD_BYTES] = self._head(0)
        self._payload[_HEAD_BYTES:end] = self._ring[place * _EDGE_BYTES : (place + number) * _EDGE_BYTES]
        if self._written() - self.told > _RING_EDGES:
            return  # the ring went round meanwhile, the next look tells
        report("EDGES", memoryview(self._payload)[:end])
        self.told += number

    def _head(self, flags):
        return struct.pack("<BIQQ", flags, self.told & 0xFFFFFFFF, self._clock.now(), self._epoch_us)

    def _faults(self):
        flags = 0
        if machine.mem32[_PIO0 + _FDEBUG] & 1 << _SM:
            flags |= frames.STALLED
        if not self._left():
            flags |= frames.SPENT
        return flags
