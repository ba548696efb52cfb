"""The parsers on the device that take bytes from outside, each as a function of the bytes. Inside MicroPython.

TARGETS: name -> (function, shape of its inputs, what it may raise). A function with nothing to raise must cope.
"""

import binascii
import os

from app import config, enrol, http, jobs, mqtt, settings, tls
from app.link import LinkError
from bootloader import bootctl, p256
from wire import dsse, frel, semver, topics, trust

KEYID = "0123456789abcdef"
FOLDER = os.getcwd()  # the driver's, for files


def yes(*_):
    """In place of a verification: what is behind it is to be reached."""
    return True


def enveloped(payload_type, payload):
    return dsse.pack(payload_type, payload, [(KEYID, bytes(64))]) if payload else b""


KEYRING = {
    "version": 3,
    "keys": {KEYID: {"public": "00" * 64, "kinds": ["app", "runtime"]}},
    "revoked": [],
    "threshold": 1,
}
PUBLIC = bytes(64)
ROOTS = {"version": 1, "keys": {trust.keyid(PUBLIC): "00" * 64}, "threshold": 1}


def by_root(payload):
    return (
        dsse.pack(dsse.PAYLOAD_TYPE_KEYRING, payload, [(trust.keyid(PUBLIC), bytes(64))]) if payload else b""
    )


class Bytes:
    """A link on which these bytes come, in pieces of all sizes, and then its end."""

    name, timeout_ms = "input", 1000

    def __init__(self, data):
        self._data, self._at = memoryview(data), 0

    async def open(self, tls):
        """There already."""

    async def write(self, data):
        """Nobody reads it."""

    async def some(self, view, timeout_ms=None):
        size = min(len(view), len(self._data) - self._at, 1 + (self._at * 7919 + len(self._data)) % 600)
        view[:size] = self._data[self._at : self._at + size]
        self._at += size
        return size

    async def fill(self, view, timeout_ms=None):
        got = 0
        while got < len(view):
            came = await self.some(view[got:])
            if not came:
                raise LinkError("input closed the connection")
            got += came

    async def close(self):
        """Nothing to do."""


def run(coroutine):
    """To its end, without a loop: nothing that it awaits takes time."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waits for something that does not come")


def answered(data):
    client = http.Client(None)
    client._link, client._where = Bytes(data), ("host", 443)
    return client


def http_json(data):
    return run(answered(data).call("POST", "https://host/v1/x", {"v": 1}))


def enrolment(data):
    status, answer = run(answered(data).call("POST", "https://host/v1/enrol", {}))
    return enrol.parts(status, answer)


def http_range(data):
    return run(_whole_range(answered(data)))


async def _whole_range(client):
    view = memoryview(bytearray(64))
    response = await client.get_range("https://host/file", 100, 164)
    await response.fill(view)
    await response.end()


def mqtt_session(data):
    def on_message(topic, payload):
        topics.parse(topic)
        try:
            jobs.parse(payload)
        except (ValueError, RuntimeError):
            return

    run(_session(mqtt.Client("dev-1", on_message, max_packet=256), Bytes(data)))


async def _session(client, link):
    await client.connect(link)
    await client.receive()


def written(name, data):
    config.make_folders(FOLDER + "/" + name)
    with open(FOLDER + "/" + name, "wb") as file:
        file.write(data)


class Silent:
    def warning(self, text):
        """A log."""


def stored_settings(data):
    written("etc/settings.json", data)
    kept = settings.Settings(Silent(), FOLDER)
    assert all(check(getattr(kept, name)) for name, (_, check, _) in settings.TABLE.items())


def boot_record(data):
    """Also with a right CRC, which who writes the flash can make."""
    for tail in (b"", b"\n%08x" % binascii.crc32(data)):
        written("boot.json", data + tail)
        record = bootctl.load(FOLDER)
        slot, after = bootctl.next_boot(record)
        assert slot in bootctl.SLOTS and bootctl._is_valid(after)


def json_file(data):
    written("any.json", data)
    config.read_json(FOLDER + "/any.json", None)


def front(data):
    found = frel.Front()
    while found.keyring(data[found.at : found.at + frel.HEADER_SIZE]):
        assert 0 < found.at < frel.MAX_RELEASE


def signature(data):
    assert p256.verify(data[:64], data[64:96], data[96:160]) in (True, False)


def text(function):
    """For a parser of text: each byte a character."""
    return lambda data: function("".join(chr(byte) for byte in data))


TARGETS = {
    "header": (frel.parse_header, "bytes", (frel.FormatError,)),
    "front": (front, "bytes", (frel.FormatError,)),
    "envelope": (dsse.parse, "json", (dsse.EnvelopeError,)),
    "manifest": (
        lambda data: trust.open_release(enveloped(dsse.PAYLOAD_TYPE_MANIFEST, data), KEYRING, yes),
        "json",
        (trust.TrustError,),
    ),
    "keyring": (lambda data: trust.open_keyring(by_root(data), ROOTS, yes), "json", (trust.TrustError,)),
    "newer keyring": (
        lambda data: trust.newer_keyring(by_root(data), ROOTS, KEYRING, yes),
        "json",
        (trust.TrustError,),
    ),
    "version": (text(semver.parse), "bytes", (ValueError,)),
    "topic": (text(topics.parse), "bytes", ()),
    "url": (text(http.split_url), "bytes", (http.BadUrl,)),
    "http answer": (http_json, "bytes", (http.HttpError, LinkError)),
    "http range": (http_range, "bytes", (http.HttpError, LinkError)),
    "enrolment": (enrolment, "bytes", (http.HttpError, LinkError, enrol.EnrolError)),
    "mqtt": (mqtt_session, "bytes", (mqtt.MqttError, LinkError)),
    "job": (jobs.parse, "json", (ValueError, RuntimeError)),
    "settings": (stored_settings, "json", ()),
    "json file": (json_file, "json", ()),
    "boot record": (boot_record, "json", ()),
    "certificate": (lambda data: tls.context(data), "bytes", (ValueError, OSError)),
    "signature": (signature, "bytes", ()),
}
