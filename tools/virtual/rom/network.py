"""`network` of the virtual board: one access point that is in reach while the world's link is up."""

import sim

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201
_ASSOCIATION_US = 800_000


class WLAN:
    IF_STA, IF_AP = 0, 1

    def __init__(self, interface_id=STA_IF):
        self._interface = interface_id
        self._active = False
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
        self._connecting_us = sim.now_us()

    def disconnect(self):
        self._connecting_us = None

    def status(self, param=None):
        if param == "rssi":
            return -55
        if self._connecting_us is None:
            return STAT_IDLE
        if not sim.world.link:
            return STAT_NO_AP_FOUND
        associated = sim.now_us() - self._connecting_us >= _ASSOCIATION_US
        return STAT_GOT_IP if associated else STAT_CONNECTING

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def ifconfig(self):
        address = "127.0.0.1" if self.isconnected() else "0.0.0.0"
        return (address, "255.0.0.0", "127.0.0.1", "127.0.0.1")
