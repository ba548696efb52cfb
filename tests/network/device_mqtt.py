"""Run by test_mqtt.py inside MicroPython: one scenario; what happened as lines of JSON."""

import asyncio
import json
import sys

from app import tls
from app.link import Link, LinkError
from app.mqtt import Client, MqttError
from app.race import race


def say(**what):
    print(json.dumps(what))


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Device:
    def __init__(self, folder, port):
        self.tls = tls.context(read(folder + "/ca.der"), read(folder + "/dev.der"), read(folder + "/dev.key"))
        self.port = int(port)
        will = ("t/dev-1/presence", b"gone")
        self.client = Client("dev-1", self.on_message, will, keepalive_s=2, max_packet=512)
        self.stop = asyncio.Event()

    def on_message(self, topic, payload):
        say(topic=topic, payload=str(payload, "utf-8"))
        if payload == b"stop":
            self.stop.set()

    async def connect(self):
        link = Link("127.0.0.1", self.port, 3000)
        await link.open(self.tls)
        say(known=await self.client.connect(link))

    async def session(self, coroutine):
        """Run it with the connection being served; what ended first."""
        name, error = await race(receive=self.client.receive(), ping=self.client.ping(), work=coroutine)
        say(ended=name, error=type(error).__name__ if error else "", words=str(error or ""))


async def echo(device):
    """Subscribe, say so, and go on until told to stop."""

    async def work():
        await device.client.subscribe("t/dev-1/in")
        await device.client.publish("t/dev-1/presence", b"here", retain=True)
        await device.client.publish("t/dev-1/out", b"fast", qos=0)
        await device.stop.wait()

    await device.connect()
    await device.session(work())
    say(oversize=device.client.oversize)
    await device.client.close(say_goodbye=True)


async def vanish(device):
    async def work():
        await device.client.publish("t/dev-1/presence", b"here", retain=True)

    await device.connect()
    await device.session(work())
    await device.client.close(say_goodbye=False)


async def publish_through_a_drop(device):
    """Three messages; the connection ends before they are acknowledged; a second connection."""
    tasks = [asyncio.create_task(device.client.publish("t/dev-1/out", b"%d" % n)) for n in range(3)]
    for _ in range(2):
        await device.connect()
        await device.session(device.stop.wait())
        await device.client.close(say_goodbye=False)
    say(inflight=len(device.client._inflight), published=sum(task.done() for task in tasks))


async def subscribe(device):
    await device.connect()
    await device.session(device.client.subscribe("t/other/in"))


async def idle(device):
    await device.connect()
    await device.session(device.stop.wait())


async def fill(device):
    """The eleventh message waits for room."""
    await device.connect()
    published = []

    async def one(number):
        await device.client.publish("t/dev-1/out", b"%d" % number)
        published.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(11)]
    await device.session(device.stop.wait())
    say(
        inflight=len(device.client._inflight),
        published=published,
        waiting=sum(not task.done() for task in tasks),
    )


async def main(folder, port, scenario):
    try:
        await _SCENARIOS[scenario](Device(folder, port))
    except (LinkError, MqttError) as error:
        say(error=type(error).__name__, words=str(error))


_SCENARIOS = {
    "echo": echo,
    "vanish": vanish,
    "publish_through_a_drop": publish_through_a_drop,
    "subscribe": subscribe,
    "fill": fill,
    "idle": idle,
}
asyncio.run(main(*sys.argv[1:]))
