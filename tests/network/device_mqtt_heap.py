"""Run by test_mqtt.py in a heap of 48 KiB: 60 messages out and back; what memory was in use."""

import asyncio
import gc
import json
import sys

from app import tls
from app.link import Link
from app.mqtt import Client
from app.race import race


def read(path):
    with open(path, "rb") as file:
        return file.read()


async def main(folder, port):
    came = bytearray(60)

    def on_message(topic, payload):
        if (
            topic == "t/dev-1/echo"
        ):  # amqtt sends every newcomer what is retained for the subscriptions of all
            came[json.loads(payload)["number"]] = 1

    link = Link("127.0.0.1", int(port), 3000)
    certificate, key = read(folder + "/dev.der"), read(folder + "/dev.key")
    await link.open(tls.context(read(folder + "/ca.der"), certificate, key))
    client = Client("dev-heap", on_message)
    await client.connect(link)

    async def work():
        await client.subscribe("t/dev-1/echo")
        for number in range(60):
            message = {"v": 1, "number": number, "pad": "y" * 100}
            await client.publish("t/dev-1/echo", json.dumps(message).encode())

    name, error = await race(receive=client.receive(), ping=client.ping(), work=work())
    gc.collect()
    print(json.dumps({"ended": name, "error": repr(error), "came": sum(came), "used": gc.mem_alloc()}))


gc.collect()
print(json.dumps({"loaded": gc.mem_alloc()}))
asyncio.run(main(*sys.argv[1:]))
