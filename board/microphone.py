"""The I2S microphone: 16 kHz, 16 bit, mono. Stock MicroPython has no PDM."""

import asyncio

from machine import I2S, Pin
from micropython import const

RATE_HZ = const(16_000)
BYTES_PER_S = const(32_000)
_RING_BYTES = const(16_000)  # 500 ms, so that sampling never waits for the card


class Microphone:
    """`ring_bytes`: how much sound is kept while nobody reads; older sound is lost, in silence."""

    ring_bytes = _RING_BYTES

    def __init__(self, pins):
        self._pins = pins
        self._i2s = None
        self._stream = None

    def start(self):
        pins = self._pins
        self._i2s = I2S(
            pins.I2S_ID, sck=Pin(pins.I2S_SCK), ws=Pin(pins.I2S_WS), sd=Pin(pins.I2S_SD),
            mode=I2S.RX, bits=16, format=I2S.MONO, rate=RATE_HZ, ibuf=_RING_BYTES,
        )  # fmt: skip
        self._stream = asyncio.StreamReader(self._i2s)

    async def readinto(self, buffer):
        """Wait for samples; returns how many bytes were put in `buffer`."""
        return await self._stream.readinto(buffer)

    def stop(self):
        if self._i2s:
            self._i2s.deinit()
            self._i2s = self._stream = None
