"""Memory that is kept over deep sleep and resets, but not without power: JSON with a CRC."""

import binascii
import json

from machine import RTC


class RtcMemory:
    def __init__(self):
        self._rtc = RTC()

    def load(self):
        """What was saved, a dict; empty after power-on or if it was damaged."""
        data = self._rtc.memory()
        if len(data) <= 4 or binascii.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
            return {}
        return json.loads(data[4:])

    def save(self, values):
        """Keep a small dict (2044 bytes of JSON at most)."""
        data = json.dumps(values).encode()
        self._rtc.memory(binascii.crc32(data).to_bytes(4, "big") + data)

    def update(self, **values):
        kept = self.load()
        kept.update(values)
        self.save(kept)
