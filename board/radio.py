"""WiFi: as a station, and as an access point of its own."""

import asyncio

import network
from micropython import const

_JOIN_MS = const(20_000)
_POLL_MS = const(200)
_GUESTS = const(3)  # stations at the access point
_NAME = "fieldrec"  # in a network with mDNS: fieldrec.local


class Radio:
    def __init__(self):
        network.hostname(_NAME)
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._point = network.WLAN(network.WLAN.IF_AP)

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

    def address(self):
        """Of the station, as text; "0.0.0.0" while it is in no network."""
        return self._wlan.ifconfig()[0]

    def scan(self):
        """[(ssid as bytes, dBm, whether it wants a key)]. On a board nothing else runs meanwhile, 2 to 3 s."""
        was_active = self._wlan.active()
        self._wlan.active(True)
        try:
            return [(found[0], found[3], found[4] != 0) for found in self._wlan.scan()]
        finally:
            self._wlan.active(was_active)

    def open_point(self, ssid, key):
        """Be an access point (WPA2); its address as text."""
        self._point.active(True)
        self._point.config(ssid=ssid, key=key, security=network.WLAN.SEC_WPA2, max_clients=_GUESTS)
        return self._point.ifconfig()[0]

    def close_point(self):
        self._point.active(False)

    def set_clock(self):
        """Set the clock by NTP; OSError if no server answers within a second."""
        import ntptime

        ntptime.settime()

    def off(self):
        """No station any more; an access point stays."""
        self._wlan.disconnect()
        self._wlan.active(False)
