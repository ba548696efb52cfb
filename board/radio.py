"""WiFi as a station."""

import asyncio

import network
from micropython import const

_JOIN_MS = const(20_000)
_POLL_MS = const(200)


class Radio:
    def __init__(self):
        self._wlan = network.WLAN(network.STA_IF)

    async def connect(self, ssid, key):
        """Join a network; OSError with the reason if that takes over 20 s."""
        self._wlan.active(True)
        self._wlan.connect(ssid, key)
        for _ in range(_JOIN_MS // _POLL_MS):
            if self._wlan.isconnected():
                return
            await asyncio.sleep_ms(_POLL_MS)
        status = self._wlan.status()
        self.off()
        raise OSError(f"WiFi: {ssid!r} could not be joined, status {status}")

    def connected(self):
        return self._wlan.isconnected()

    def set_clock(self):
        """Set the clock by NTP; OSError if no server answers within a second."""
        import ntptime

        ntptime.settime()

    def off(self):
        self._wlan.disconnect()
        self._wlan.active(False)
