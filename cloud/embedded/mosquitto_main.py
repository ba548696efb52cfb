"""Keeps mosquitto: runs it, and makes a certificate's revocation count, which it does not do by itself.

mosquitto reads `crlfile` again at SIGHUP, and refuses the certificate from then on; who is connected with it
stays so. The dynamic-security plugin ends a client's connection when the client is deleted from it, so that is
done: made, deleted, and gone. It sends no last will then, so the device is said to be offline here.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path

import aiomqtt
import psycopg
from cryptography import x509

from cloud.embedded import process
from cloud.embedded.broker_revoked import LOOK_EVERY_S, CrlError, read
from cloud.embedded.mosquitto import CONTROL, KEEPER, PROGRAM, own
from cloud.tasks import background
from wire import topics

AT_ONCE = 200  # clients in one command
ANSWER_TIMEOUT_S = 5.0
DATABASE_TIMEOUT_S = 3

log = logging.getLogger("broker")


class Broker:
    """The mosquitto process; `ended` is set when it has ended by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ended = folder, asyncio.Event()
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [PROGRAM, "-c", str(self.folder / "mosquitto.conf")]
        # its output goes where ours goes; that may be another user's, and not to be opened anew
        self.process = process.spawn(command, log=2, user=process.unprivileged_user(), environ={})
        handle = os.pidfd_open(self.process.pid)
        asyncio.get_running_loop().add_reader(handle, self._died, handle)

    def reload(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        """Every client has to come back; what waits for them is kept."""
        self.stop()
        self.start()

    def stop(self) -> None:
        if self.process:
            running, self.process = self.process, None
            process.stop(running.pid)
            running.wait()

    def _died(self, handle: int) -> None:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        if self.process and self.process.poll() is not None:
            log.error("mosquitto ended with %s", self.process.returncode)
            self.ended.set()


class Revocations:
    """Looks at the revocation list again and again, and sees to it that the broker follows."""

    def __init__(self, broker: Broker, crl: Path, ca: Path, kicker: "Kicker") -> None:
        self._broker, self._crl, self._kicker = broker, crl, kicker
        self._ca = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
        self._seen: tuple[int, int] | None = None
        self._serials: frozenset[int] = frozenset()

    def install(self) -> frozenset[int] | None:
        """Hand a changed list to mosquitto; the serial numbers new in it. None: it is the same as before."""
        status = self._crl.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return None
        serials = read(self._crl, self._ca)
        new = self._broker.folder / "crl.pem.new"
        shutil.copyfile(self._crl, new)
        new.replace(self._broker.folder / "crl.pem")
        own(self._broker.folder)
        added, self._serials, self._seen = serials - self._serials, serials, seen
        log.info("revocation list of %d certificates, %d of them new", len(serials), len(added))
        return added

    async def follow(self) -> None:
        complained = ""
        while True:
            try:
                await self._look()
                complained = ""
            except (OSError, CrlError) as error:
                if str(error) != complained:
                    log.error("%s; the list before it stays in force", error)
                complained = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        added = self.install()
        if added is None:
            return
        self._broker.reload()
        try:
            await self._kicker.kick(added)
        except (psycopg.Error, aiomqtt.MqttError, TimeoutError, KickError) as error:
            log.error("can't end the sessions of revoked devices (%s): all have to connect again", error)
            self._broker.restart()


class KickError(Exception):
    """The plugin did not do as told; the text is its answer."""


class Kicker:
    """Ends the live sessions of devices by their certificates' serial numbers."""

    def __init__(self, port: int, tls: ssl.SSLContext, database: str) -> None:
        self._port, self._tls, self._database = port, tls, database

    async def kick(self, serials: Iterable[int]) -> None:
        """Raises psycopg.Error, aiomqtt.MqttError, TimeoutError or KickError."""
        if not (texts := [f"{serial:x}" for serial in serials]):
            return
        devices = await self._devices(texts)
        names = sorted(devices)
        async with self._client() as client:
            await client.subscribe(f"{CONTROL}/response", qos=1)
            for start in range(0, len(names), AT_ONCE):
                await self._end(client, names[start : start + AT_ONCE])
            for name in names:
                if not devices[name]:  # with another valid one it comes back by itself, and says so
                    await self._say_offline(client, name)
        log.warning("sessions ended, as a certificate was revoked: %s", ", ".join(names) or "none")

    async def _devices(self, serials: list[str]) -> dict[str, bool]:
        """{device: whether it has another certificate that is valid}."""
        connection = await psycopg.AsyncConnection.connect(
            self._database, connect_timeout=DATABASE_TIMEOUT_S, autocommit=True
        )
        async with connection:
            return dict(await (await connection.execute(_DEVICES, [serials])).fetchall())

    def _client(self) -> aiomqtt.Client:
        name = f"service-{KEEPER}"
        return aiomqtt.Client(
            "127.0.0.1", self._port, identifier=name, tls_context=self._tls, timeout=ANSWER_TIMEOUT_S
        )

    async def _end(self, client: aiomqtt.Client, names: list[str]) -> None:
        commands = [
            {"command": word, "username": n} for n in names for word in ("createClient", "deleteClient")
        ]
        await client.publish(CONTROL, json.dumps({"commands": commands}), qos=1)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = await anext(aiter(client.messages))
        said = json.loads(bytes(answer.payload))["responses"]
        if wrong := [each for each in said if each["command"] == "deleteClient" and "error" in each]:
            raise KickError(f"{wrong[:3]}")

    async def _say_offline(self, client: aiomqtt.Client, name: str) -> None:
        presence = json.dumps({"v": topics.VERSION, "online": False, "since": None})
        await client.publish(topics.topic(name, "presence"), presence, qos=1, retain=True)


_DEVICES = """
SELECT device_id, bool_or(revoked_at IS NULL AND expires_at > now()) FROM certificates
WHERE device_id IN (SELECT device_id FROM certificates WHERE serial = ANY(%s))
GROUP BY device_id
"""


async def serve(port: int, folder: Path, certificate: Path, key: Path, ca: Path, crl: Path) -> None:
    """Runs until SIGTERM or SIGINT, or until mosquitto ends, which is an error."""
    tls = ssl.create_default_context(cafile=str(ca))
    tls.load_cert_chain(certificate, key)
    broker, asked = Broker(folder), asyncio.Event()
    revocations = Revocations(broker, crl, ca, Kicker(port, tls, os.environ["FIELDREC_POSTGRES_URL"]))
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, asked.set)
    revocations.install()
    broker.start()
    try:
        async with background(revocations.follow(), "look at the revocation list"):
            waits = [asyncio.create_task(event.wait()) for event in (asked, broker.ended)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        broker.stop()
    if not asked.is_set():
        raise SystemExit("mosquitto ended by itself")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    for name in ("folder", "certificate", "key", "ca", "crl"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
