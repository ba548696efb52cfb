import asyncio
import json
import sys

from app import config, control
from app.link import NetworkError
from app.settings import Settings
from tests.boot.flash import Flash, mounted, unmount

ROOT = "/flash"


class Broker:
    """Takes what is published."""

    def __init__(self):
        self.taken = []
        self.ended = False  # the work was done before the broker was lost

    async def publish(self, topic, payload, qos=1, retain=False):
        self.taken.append((topic[len("fieldrec/v1/dev-1/") :], json.loads(payload), retain))
        await asyncio.sleep_ms(0)

    def of(self, name):
        return [body for topic, body, _ in self.taken if topic == name]


class Device:
    """What app.network is handed, as far as it goes here."""

    root = ROOT
    device: dict = {"id": "dev-1"}

    def __init__(self):
        import os

        if "flash" in os.listdir("/"):
            unmount()
        mounted(Flash(), new=True)
        os.mkdir(ROOT + "/etc")
        self.lines, self.resets, self.state = [], [], "IDLE"
        self.kept = Settings(self, ROOT)

    def info(self, text):
        self.lines.append(text)

    log = warning = info

    def settings(self):
        return self.kept

    def status(self):
        return {"state": self.state}

    def log_lines(self):
        return ["%d: %s" % (number, "x" * 100) for number in range(60)]

    def reset(self, reason):
        self.resets.append(reason)


def given(device, *messages, rotate=None):
    """The broker, after these (name, message) have been worked on; a dict is sent as JSON."""
    broker, handler = Broker(), control.Control(device, rotate)
    for name, body in messages:
        handler.on_message(name, json.dumps(body).encode() if type(body) is dict else body)

    async def main():
        try:
            await asyncio.wait_for_ms(handler.work(broker), 200)
            broker.ended = True
        except asyncio.TimeoutError:
            broker.ended = False

    asyncio.run(main())
    return broker


def command(number="1", **more):
    return dict(v=1, id=number, **more)


def test_it_says_how_its_settings_are_at_each_connection():
    broker = given(Device())
    assert len(broker.taken) == 1
    name, body, retained = broker.taken[0]
    assert (name, body["version"], body["refused"], retained) == ("config/reported", 0, {}, True)
    assert body["settings"]["segment_s"] == 60
    assert not [name for name in body["settings"] if name in ("wifi_key", "wifi_ssid", "wifi_on", "private")]


def test_settings_are_applied_once_and_refused_with_words():
    device = Device()
    wanted = {"segment_s": 30, "private": True, "wifi_key": "x", "heartbeat_s": "often", "colour": 1}
    desired = {"v": 1, "version": 7, "settings": wanted}
    body = given(device, ("config/desired", desired)).of("config/reported")[-1]
    assert (body["version"], body["settings"]["segment_s"], device.kept.segment_s) == (7, 30, 30)
    assert body["refused"]["private"] == body["refused"]["wifi_key"] == "is set at the device alone"
    assert body["refused"]["heartbeat_s"].endswith("not whole seconds from 10 to 3600")
    assert body["refused"]["colour"] == "no setting 'colour'"
    assert not device.kept.private
    device.kept.change("segment_s", 90)  # at the device
    body = given(device, ("config/desired", desired)).of("config/reported")[-1]
    assert (body["version"], body["settings"]["segment_s"]) == (7, 90), "the same version again"
    assert Settings(device, ROOT).segment_s == 90


def test_of_settings_the_last_counts():
    messages = [("config/desired", {"version": n, "settings": {"segment_s": 10 + n}}) for n in range(1, 9)]
    device = Device()
    assert given(device, *messages).of("config/reported")[-1]["version"] == 8
    assert device.kept.segment_s == 18


def test_what_is_no_message_is_logged_and_left():
    odd = (b"", b"[]", b"{", b"[" * 200, b'{"version":1}', b'{"version":"1","settings":{}}', b"\xff\xfe")
    for payload in odd:
        device = Device()
        broker = given(device, ("config/desired", payload), ("commands/reboot", payload))
        assert len(broker.taken) == 1 and not device.resets, payload
        assert len(device.lines) == 2, (payload, device.lines)
    for number in ("", "a", "1" * 19, 1, None):
        device = Device()
        assert len(given(device, ("commands/reboot", command(number))).taken) == 1 and not device.resets


def test_a_command_is_done_once_and_answered_each_time():
    device = Device()
    for _ in range(3):
        (answer,) = given(device, ("commands/reboot", command())).of("commands/reboot/result")
        assert (answer["id"], answer["status"], answer["v"]) == ("1", "SUCCEEDED", 1)
    assert device.resets == ["asked by the cloud"]
    given(device, ("commands/reboot", command("2")))
    assert len(device.resets) == 2


def test_refused_commands():
    device = Device()
    device.state = "RECORD"
    for name in ("reboot", "identify"):
        order = ("commands/" + name, command(str(len(name))))
        (answer,) = given(device, order).of(order[0] + "/result")
        assert (answer["status"], answer["detail"]) == ("REJECTED", "state RECORD")
    (answer,) = given(device, ("commands/format", command("18"))).of("commands/format/result")
    assert (answer["status"], answer["detail"]) == ("REJECTED", "no such command")
    late = command("19", expires="2001-01-01T00:00:00Z")
    (answer,) = given(device, ("commands/send-log", late)).of("commands/send-log/result")
    assert (answer["status"], answer["detail"]) == ("REJECTED", "expired at 2001-01-01T00:00:00Z")
    assert not device.resets


def test_a_log_that_fits_a_message():
    (answer,) = given(Device(), ("commands/send-log", command())).of("commands/send-log/result")
    assert answer["lines"][-1].startswith("59: ") and 15 < len(answer["lines"]) < 20
    assert len(json.dumps(answer)) < 2300


def test_a_flood_has_bounds():
    device = Device()
    flood = [("commands/send-log", command(str(n))) for n in range(1, 20)]
    broker = given(device, ("commands/send-log", b"x" * 300), *flood)
    assert len(broker.of("commands/send-log/result")) == 4
    assert len([line for line in device.lines if "dropped" in line]) == 16
    assert len(config.read_json(ROOT + "/data/commands.json")) == 4
    for number in range(30, 40):
        given(device, ("commands/send-log", command(str(number))))
    assert len(config.read_json(ROOT + "/data/commands.json")) == 8


def test_a_new_certificate_wants_a_new_connection_a_refusal_does_not():
    async def rotated():
        return None

    async def refused():
        raise NetworkError("no")

    order = ("commands/rotate-cert", command())
    broker = given(Device(), order, rotate=rotated)
    assert broker.ended and broker.of("commands/rotate-cert/result")[0]["status"] == "SUCCEEDED"
    broker = given(Device(), order, rotate=refused)
    (answer,) = broker.of("commands/rotate-cert/result")
    assert not broker.ended and (answer["status"], answer["detail"]) == ("FAILED", "no")


def test_what_did_the_work_is_out_of_memory_again():
    given(Device(), ("commands/send-log", command()), ("config/desired", {"version": 1, "settings": {}}))
    left = [name for name in sys.modules if name in ("app.commands", "app.twin", "app.rotate")]
    assert not left, left
