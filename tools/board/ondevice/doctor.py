"""Sent to a board's REPL: what is there and how it is. Looks only: nothing on flash, card or settings is changed.

Each function of `FACTS` gives a fact that JSON can hold, or raises; `fact` never raises.
"""

import gc
import json
import os
import time
from array import array

_MIC_MS = 300


def fact(name):
    """{"is": ...} or {"error": words}."""
    gc.collect()
    try:
        return {"is": FACTS[name]()}
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is wrong
        kind = type(error).__name__
        return {
            "error": str(error) if kind == "SensorError" else f"{kind}: {error}"
        }  # one begins with its code


def pins():
    with open("/etc/device.json") as file:
        name = json.load(file)["board"]
    return __import__("board." + name + ".pins", None, None, ("PWR_SW1",))


def images():
    """[label] of the partitions for MicroPython images, and which runs."""
    from esp32 import Partition

    labels = [partition.info()[4] for partition in Partition.find(Partition.TYPE_APP)]
    return {"labels": labels, "running": Partition(Partition.RUNNING).info()[4]}  # type: ignore[arg-type]


def room():
    """[bytes free, bytes in all] of the flash's file system."""
    status = os.statvfs("/")
    return [status[0] * status[3], status[0] * status[2]]


def files():
    """Which of the files that a start needs are missing."""
    needed = ("/boot.py", "/main.py", "/bootloader/spl.mpy", "/bootloader/start.mpy", "/board/parts.mpy",
              "/etc/device.json", "/etc/seal.key", "/etc/roots.json", "/etc/keyring.json")  # fmt: skip
    return [path for path in needed if not _exists(path)]


def record():
    from bootloader import bootctl

    return bootctl.load()


def slot_a():
    return _slot("a")


def slot_b():
    return _slot("b") if _exists("/b/manifest.json") else ""


def _slot(name):
    from bootloader import slots

    return slots.check(name)["version"]


def trust():
    """Version of the keyring, once it was verified: without the combs, that would be written."""
    from bootloader import files, p256
    from wire import frel, trust

    roots = json.loads(files.read("/etc/roots.json", frel.MAX_KEYRING))
    return trust.open_keyring(files.read("/etc/keyring.json", frel.MAX_KEYRING), roots, p256.verify)[
        "version"
    ]


def gauge():
    from board.gauge import Gauge

    found = Gauge(pins())
    name = found.identify()
    vbat_mv, soc_pct = found.retry()
    return [name, vbat_mv, soc_pct]


def thermistor():
    from board.thermistor import Thermistor

    return Thermistor(pins().THERMISTOR).read_decic()


def card():
    """Bytes of the card; 0 without one. It is not mounted, nor written."""
    if "sd" in os.listdir("/"):
        status = os.statvfs("/sd")
        return [status[0] * status[3], status[1] * status[2]]
    from machine import SDCard

    p = pins()
    try:
        found = SDCard(slot=p.SD_SLOT, sck=p.SD_SCK, miso=p.SD_MISO, mosi=p.SD_MOSI, cs=p.SD_CS)
    except OSError:
        return [0, 0]
    try:
        return _fat(found)
    finally:
        found.deinit()


def _fat(found):
    import vfs

    size = found.info()[0]
    try:
        vfs.mount(vfs.VfsFat(found), "/.doctor", readonly=True)  # type: ignore[abstract]
    except OSError:
        raise ValueError(f"a card of {size >> 20} MiB without a FAT file system") from None
    try:
        status = os.statvfs("/.doctor")
        return [status[0] * status[3], size]
    finally:
        vfs.umount("/.doctor")


def microphone():
    """[samples, lowest, highest] of a moment."""
    from machine import I2S, Pin

    p = pins()
    mic = I2S(p.I2S_ID, sck=Pin(p.I2S_SCK), ws=Pin(p.I2S_WS), sd=Pin(p.I2S_SD), mode=I2S.RX, bits=16,
              format=I2S.MONO, rate=16000, ibuf=8000)  # fmt: skip
    buffer, count, low, high = bytearray(2048), 0, 32767, -32768
    try:
        begin = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begin) < _MIC_MS:
            got = mic.readinto(buffer) // 2
            for sample in memoryview(array("h", buffer))[:got]:
                low, high = min(low, sample), max(high, sample)
            count += got
    finally:
        mic.deinit()
    return [count, low, high]


def wifi():
    """[[name, dBm]] of the networks in reach, and the name that is set."""
    import network

    radio = network.WLAN(network.STA_IF)
    was_on = radio.active()
    radio.active(True)
    try:
        found = [[each[0].decode(), each[3]] for each in radio.scan()]
    finally:
        radio.active(was_on)
    return {"found": found, "wanted": _setting("wifi_ssid")}


def _setting(name):
    newest = ""
    for entry in sorted(os.listdir("/etc")):
        if entry.startswith("settings") and entry.endswith(".json"):
            newest = entry
    if not newest:
        return ""
    with open("/etc/" + newest) as file:
        return json.load(file).get(name, "")


def clock():
    """[year, month, day, hour, minute, second] in UTC."""
    return list(time.gmtime()[:6])


def heap():
    gc.collect()
    return gc.mem_free()


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


FACTS = {
    "images": images, "room": room, "files": files, "record": record, "slot_a": slot_a, "slot_b": slot_b,
    "trust": trust, "gauge": gauge, "thermistor": thermistor, "card": card, "microphone": microphone,
    "wifi": wifi, "clock": clock, "heap": heap,
}  # fmt: skip
