"""The whole cloud on one machine: certificates, stores, broker and services, started and stopped as one.

with Cloud(Path(".fieldrec")) as cloud:
    cloud.urls["registration"], cloud.settings, cloud.ca, cloud.admin_token
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select
from typing import IO

from cloud import pki
from cloud.embedded import ports, process
from cloud.embedded.broker import Broker
from cloud.embedded.etcd import Etcd
from cloud.embedded.material import CONNECTIONS, SERVICES, Material
from cloud.embedded.mosquitto import KEEPER, Mosquitto
from cloud.embedded.objects import Objects
from cloud.embedded.portal import Portal
from cloud.embedded.postgres import Postgres
from cloud.embedded.python import Service
from cloud.embedded.redis import Redis
from cloud.embedded.server import Server
from cloud.settings import Settings

BASE_PORT = 8443
BROKERS = ("embedded", "mosquitto")
WITH_DASHBOARD = (*SERVICES, "dashboard")
ALL = (*WITH_DASHBOARD, "portal")

# what an embedded server stands in for: it isn't started if the environment names a real one
STANDS_FOR = {
    "postgres": "FIELDREC_POSTGRES_URL",
    "redis": "FIELDREC_REDIS_URL",
    "etcd": "FIELDREC_ETCD_URL",
    "broker": "FIELDREC_MQTT_HOST",
    "objects": "FIELDREC_OBJECTS_URL",
}

Progress = Callable[[str, str], None]  # server, "starting" | "ready" | "stopping" | "stopped"


class AlreadyRunning(Exception):
    """Another process runs a cloud in this data folder."""


class KeysMissing(Exception):
    """roots.json or keyring.json is not where it should be."""


def running(data: Path) -> dict | None:
    """`Cloud.describe()` of what runs in a data folder, and "servers" with pid and log; None if nothing."""
    try:
        with (data / "run" / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except BlockingIOError:
        pass  # someone holds it
    try:
        found = json.loads((data / "cloud.json").read_text())
    except FileNotFoundError:
        return None  # it is starting or stopping
    pids = {file.stem: process.find(file) for file in sorted((data / "run").glob("*.json"))}
    found["servers"] = {
        name: {"pid": pid, "log": str(data.resolve() / "log" / f"{name}.log")} for name, pid in pids.items()
    }
    return found


class Cloud:
    """A context manager; raises AlreadyRunning, PortsTaken, KeysMissing, ServerError, SettingsError on entry.

    `keys` is a folder with roots.json and keyring.json, DATA/keys by default; `base_port` None takes free
    ports; `given` are variables (FIELDREC_...) that name real servers to be used instead; `durable` False
    makes the stores faster and a power cut fatal, for tests; with no `services` there are the stores alone;
    `broker` is one of BROKERS.
    """

    def __init__(
        self,
        data: Path,
        *,
        keys: Path | None = None,
        base_port: int | None = None,
        given: Mapping[str, str] | None = None,
        durable: bool = True,
        services: Iterable[str] = ALL,
        broker: str = BROKERS[0],
        progress: Progress = lambda server, state: None,
    ) -> None:
        self.data = data.resolve()
        self.keys = (keys or self.data / "keys").resolve()
        self.base_port, self.given, self.durable = base_port, dict(given or {}), durable
        self.service_names, self.progress = tuple(services), progress
        self.broker = broker
        self.material = Material(self.data)
        self.stages: list[list[Server]] = []
        self.ports: dict[str, int] = {}
        self.environ: dict[str, str] = {}
        self.description = self.data / "cloud.json"
        self.lock: IO[str] | None = None

    @property
    def servers(self) -> list[Server]:
        return [server for stage in self.stages for server in stage]

    @property
    def ca(self) -> Path:
        return self.material.ca

    @property
    def admin_token(self) -> str:
        return self.material.secret("admin-token")

    @property
    def settings(self) -> Settings:
        return self.settings_of("registration")

    def settings_of(self, service: str) -> Settings:
        return Settings.from_env(self.environ_of(service))

    @property
    def urls(self) -> dict[str, str]:
        """Where everything is, without a secret in it."""
        public = {name: f"https://127.0.0.1:{self.ports[name]}" for name in (*WITH_DASHBOARD, "objects")}
        return public | {
            "portal": f"http://127.0.0.1:{self.ports['portal']}",
            "mqtt": f"mqtts://127.0.0.1:{self.ports['broker']}",
            "postgres": f"postgresql://fieldrec@127.0.0.1:{self.ports['postgres']}/fieldrec",
            "redis": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "etcd": f"http://127.0.0.1:{self.ports['etcd']}",
        }

    def __enter__(self) -> "Cloud":
        self.lock = self._lock()
        try:
            self._prepare()
            for stage in self.stages:
                self._each(stage, self._start)
            pki.write_secret(self.description, json.dumps(self.describe(), indent=2).encode())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Services first, then what they need; each is given its time, then killed."""
        try:
            self.description.unlink(missing_ok=True)
            for stage in reversed(self.stages):
                self._each(stage, self._stop)
        finally:
            if self.lock:
                self.lock.close()
            self.lock = None

    def describe(self) -> dict:
        """What a script needs to use this cloud; all of it is in files of the data folder as well."""
        return {
            "pid": os.getpid(),
            "data": str(self.data),
            "urls": self.urls,
            "ports": self.ports,
            "ca": str(self.ca),
            "admin_token_file": str(self.material.secret_file("admin-token")),
            "keys": str(self.keys),
        }

    def first_death(self, timeout_s: float | None = None) -> Server | None:
        """Waits until one of the servers ends by itself; None if none did in this time."""
        handles = {os.pidfd_open(server.process.pid): server for server in self.servers if server.process}
        try:
            ready = select([*handles], [], [], timeout_s)[0]
        finally:
            for handle in handles:
                os.close(handle)
        return handles[ready[0]] if ready else None

    def environ_of(self, service: str) -> dict[str, str]:
        """The FIELDREC_ variables of one service; the CA's key is for registration alone."""
        made = self.material
        certificate, key = (
            made.service(service) if service in SERVICES else made.server
        )  # no broker for the others
        own = {"FIELDREC_MQTT_CERT": str(certificate), "FIELDREC_MQTT_KEY": str(key)}
        if service == "registration":
            own["FIELDREC_CA_KEY"] = str(self.material.ca_key)
        return self.environ | own | self.given

    def _lock(self) -> IO[str]:
        """The kernel gives the lock back, however this process ends."""
        (self.data / "run").mkdir(parents=True, exist_ok=True)
        lock = (self.data / "run" / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise AlreadyRunning(
                f"another process runs a cloud in {self.data}; see: fieldrec cloud status"
            ) from error

        return lock

    def _prepare(self) -> None:
        self.description.unlink(missing_ok=True)
        for pid_file in (self.data / "run").glob("*.json"):
            process.stop_remembered(pid_file)
        for name in ("roots.json", "keyring.json"):
            if not (self.keys / name).is_file():
                raise KeysMissing(
                    f"there is no {self.keys / name}; make it with: fieldrec keys new {self.keys}"
                )
        self.material.make()
        self.ports = ports.choose(self.base_port, self.data / "ports.json")
        stores = self._stores()
        self.environ = self._environ(stores)
        services = [self._service(name) for name in self.service_names]
        wanted = [store for name, store in stores.items() if STANDS_FOR[name] not in self.given]
        self.stages = [wanted, services]

    def _service(self, name: str) -> Server:
        port = self.ports[name]
        if name == "portal":
            made = self.material
            return Portal(self.data, port, self.urls["dashboard"], made.ca, made.server)
        return Service(name, self.data, port, self.environ_of(name))

    def _stores(self) -> dict[str, Server]:
        data, at, made = self.data, self.ports, self.material
        secret = made.secret_file("objects")
        postgres = Postgres(data, at["postgres"], made.secret("postgres"), durable=self.durable)
        servers: tuple[Server, ...] = (
            postgres,
            Redis(data, at["redis"], made.secret("redis")),
            Etcd(data, at["etcd"], at["etcd_peer"], durable=self.durable),
            self._broker(self.given.get(STANDS_FOR["postgres"], postgres.url)),
            Objects(data, at["objects"], secret, *made.server, made.ca),
        )
        return {server.name: server for server in servers}

    def _broker(self, postgres_url: str) -> Broker:
        made = self.material
        client = made.service(KEEPER if self.broker == "mosquitto" else SERVICES[0])
        common = (self.data, self.ports["broker"], *made.server, made.ca, client, made.crl)
        if self.broker == "mosquitto":
            return Mosquitto(*common, services=CONNECTIONS, postgres_url=postgres_url)
        return Broker(*common)

    def _environ(self, stores: Mapping[str, Server]) -> dict[str, str]:
        certificate, key = self.material.server
        values = {
            "postgres_url": stores["postgres"].url,
            "redis_url": stores["redis"].url,
            "etcd_url": stores["etcd"].url,
            "mqtt_host": "127.0.0.1",
            "mqtt_port": self.ports["broker"],
            "ca_cert": self.ca,
            "crl_file": self.material.crl,
            "tls_cert": certificate,
            "tls_key": key,
            "objects_url": stores["objects"].folder.as_uri(),
            "objects_public_url": stores["objects"].url,
            "objects_key_file": self.material.secret_file("objects"),
            "admin_token_file": self.material.secret_file("admin-token"),
            "metrics_token_file": self.material.secret_file("metrics-token"),
            "roots": self.keys / "roots.json",
            "keyring": self.keys / "keyring.json",
            "registration_port": self.ports["registration"],
            "ota_port": self.ports["ota"],
            "dashboard_port": self.ports["dashboard"],
        }
        if self.broker == "mosquitto":
            values["mqtt_share_file"] = self.material.secret_file("mqtt-share")
        return {f"FIELDREC_{name.upper()}": str(value) for name, value in values.items()}

    def _each(self, stage: list[Server], do: Callable[[Server], None]) -> None:
        """All at once; waits for all of them, then raises the first error."""
        with ThreadPoolExecutor(max(1, len(stage))) as pool:
            running = [pool.submit(do, server) for server in stage]
        for each in running:
            each.result()

    def _start(self, server: Server) -> None:
        self.progress(server.name, "starting")
        server.start()
        self.progress(server.name, "ready")

    def _stop(self, server: Server) -> None:
        self.progress(server.name, "stopping")
        server.stop()
        self.progress(server.name, "stopped")
