"""MQTT clients for the broker's tests: aiomqtt on a certificate, and a bare connection that can misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt

from cloud.processes import Cloud
from tests.cloud_fixtures import Identity

PATIENCE_S = 5.0


def connect(cloud: Cloud, who: Identity, client_id: str | None = None, **options) -> aiomqtt.Client:
    options = {"timeout": PATIENCE_S, "identifier": client_id or who.name, **options}
    return aiomqtt.Client("127.0.0.1", cloud.ports["broker"], tls_context=who.context(), **options)


async def receive(client: aiomqtt.Client, within_s: float = PATIENCE_S) -> aiomqtt.Message:
    async with asyncio.timeout(within_s):
        return await anext(aiter(client.messages))


async def refused(client: aiomqtt.Client) -> str:
    """The words of the error with which the broker refuses to let the client in."""
    try:
        async with client:
            return "let in"
    except aiomqtt.MqttError as error:
        return str(error)


class Bare:
    """Speaks MQTT by the byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def connect(self, client_id: str, *, clean: bool = True, keep_alive_s: int = 60, will=()) -> bytes:
        """Sends CONNECT, returns the four bytes of CONNACK; `will` is (topic, payload), sent retained."""
        flags = (0x02 if clean else 0) | (0x2C if will else 0)
        body = b"\x00\x04MQTT\x04" + bytes([flags]) + keep_alive_s.to_bytes(2, "big")
        await self.send(0x10, body + b"".join(map(string, (client_id, *will))))
        return await self.read(4)

    async def send(self, first: int, body: bytes) -> None:
        self.writer.write(bytes([first]) + length(len(body)) + body)
        await self.writer.drain()

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def closed(self, within_s: float = PATIENCE_S) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while await self.reader.read(4096):
                    pass
                return True
        except (ConnectionError, ssl.SSLError):  # TLS says so if words of the broker cross with our goodbye
            return True
        except TimeoutError:
            return False


def string(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def length(count: int) -> bytes:
    """Remaining length, MQTT 3.1.1 section 2.2.3."""
    encoded = bytearray()
    while True:
        count, low = divmod(count, 128)
        encoded.append(low | (0x80 if count else 0))
        if not count:
            return bytes(encoded)


@asynccontextmanager
async def bare(cloud: Cloud, who: Identity) -> AsyncIterator[Bare]:
    reader, writer = await asyncio.open_connection("127.0.0.1", cloud.ports["broker"], ssl=who.context())
    try:
        yield Bare(reader, writer)
    finally:
        writer.transport.abort()
