"""`network` of the virtual board: three access points, in reach while the world's link is up, and one of its own.

Any name and key can be joined but those that begin with NONE: nobody answers to them. The board's own access point
and its station are the host's loopback.
"""

import sim

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201
_ASSOCIATION_US = 800_000
_SCAN_US = 2_400_000
_LOOPBACK = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
_IN_REACH = (
    # ssid, bssid, channel, RSSI, security, hidden
    (b"virtual", b"\x02\x00\x00\x00\x00\x01", 1, -48, 3, False),
    (b"caf\xc3\xa9", b"\x02\x00\x00\x00\x00\x02", 6, -71, 0, False),
    (b"NONE such", b"\x02\x00\x00\x00\x00\x03", 11, -83, 3, False),
)

_hostname = "mpy-virtual"


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    _hostname = name


class WLAN:
    IF_STA, IF_AP = 0, 1
    SEC_OPEN, SEC_WPA2 = 0, 3

    def __init__(self, interface_id=STA_IF):
        self._interface = interface_id
        self._active = False
        self._ssid = None
        self._connecting_us = None

    def active(self, is_active=None):
        if is_active is None:
            return self._active
        self._active = bool(is_active)
        if not is_active:
            self._connecting_us = None
        return self._active

    def connect(self, ssid=None, password=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Not Started")
        self._ssid = ssid
        self._connecting_us = sim.now_us()

    def disconnect(self):
        self._connecting_us = None

    def status(self, param=None):
        if param == "rssi":
            return -55
        if self._connecting_us is None:
            return STAT_IDLE
        if not sim.world.link or self._ssid.startswith("NONE"):
            return STAT_NO_AP_FOUND
        associated = sim.now_us() - self._connecting_us >= _ASSOCIATION_US
        return STAT_GOT_IP if associated else STAT_CONNECTING

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def scan(self):
        if not self._active:
            raise OSError("Wifi Not Started")
        sim.sleep_us(_SCAN_US)
        return list(_IN_REACH) if sim.world.link else []

    def config(self, *names, **values):
        """An access point's key has 8 characters at least, as WPA2 has it."""
        if values.get("security") and len(values["key"]) < 8:
            raise OSError("Wifi Invalid Password")

    def ifconfig(self):
        if self._interface == AP_IF:
            return _LOOPBACK if self._active else ("192.168.4.1", "255.255.255.0", "192.168.4.1", "0.0.0.0")
        return _LOOPBACK if self.isconnected() else ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
