"""Sent to a board's REPL: its key, its certificate request, and what the cloud answers. The key stays on the board."""

import binascii
import json

from app import config, csr, keypair
from board import runtime


def request(slot):
    """{"csr": base64 of DER, "versions"}; the key is made if there is none."""
    who = config.device()
    private, public = keypair.load() or _new_key()
    with open("/" + slot + "/manifest.json") as file:
        version = json.load(file)["version"]
    return {
        "csr": binascii.b2a_base64(csr.build(who["id"], private, public)).decode().strip(),
        "versions": {"app": version, "runtime": runtime.version()},
    }


def _new_key():
    """With the radio on: an ESP32's generator is at its best then (ESP-IDF, Random Number Generation)."""
    import network

    radio = network.WLAN(network.STA_IF)
    was_on = radio.active()
    radio.active(True)
    try:
        return keypair.new()
    finally:
        radio.active(was_on)


def keep(cloud, host, port, ca, certificate):
    """What makes it a member; the certificate comes last, as in app/enrol."""
    who = config.device()
    who["cloud"] = cloud
    config.write_json("/etc/device.json", who)
    config.write("/etc/ca.der", ca)
    config.write_json("/etc/mqtt.json", {"host": host, "port": port})
    config.write("/etc/cert.der", certificate)


class _Told:
    """The settings' log."""

    def warning(self, text):
        print(text)

    info = warning


def set_wifi(ssid, key):
    """ValueError says what a valid name or password is."""
    from app.settings import Settings

    settings = Settings(_Told())
    settings.change("wifi_ssid", ssid)
    settings.change("wifi_key", key)
    settings.change("wifi_on", True)


def set_pin(pin):
    config.write("/etc/pin.txt", pin.encode())
