"""mosquitto as the broker: its configuration and rules, generated; what keeps it is mosquitto_main.py.

A client's name is its certificate's common name, whatever it says of itself: mosquitto takes it as user name
and as client id. So each process of a service needs a certificate of its own: `service-ota`, `service-ota-2`.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from cloud.embedded import process
from cloud.embedded.broker import Broker
from cloud.embedded.broker_access import SERVICE_PREFIX
from cloud.embedded.server import ServerError
from wire import topics

PROGRAM = "/usr/sbin/mosquitto"
PLUGIN = "mosquitto_dynamic_security.so"
CONTROL = "$CONTROL/dynamic-security/v1"
KEEPER = "broker"  # the service name of mosquitto_main.py
INSTANCES = 16  # processes of one service

MAX_PACKET = 64 * 1024
WINDOW = 1000  # messages sent ahead of their acknowledgement, per client
MAX_QUEUED_BYTES = 256 * 1024 * 1024  # of one client; beyond it mosquitto drops, and says so
SAVE_EVERY_S = 60  # what waits for clients, and what is retained; a crash loses what came since


def find_plugin() -> Path | None:
    """The dynamic-security plugin, by which a client can be disconnected from outside."""
    return next(Path("/usr/lib").glob(f"*/{PLUGIN}"), None) or next(Path("/usr/lib").glob(PLUGIN), None)


def missing() -> str | None:
    """Words if mosquitto can't be used here."""
    if not Path(PROGRAM).exists() or not find_plugin():
        return f"mosquitto 2 with its {PLUGIN} is not installed; run: apt-get install mosquitto"
    return None


def configuration(folder: Path, port: int, listen: str = "127.0.0.1") -> str:
    """mosquitto.conf(5), for files that lie in `folder` under the names used here."""
    settings: tuple[tuple[str, object], ...] = (
        ("per_listener_settings", "false"),
        ("plugin", find_plugin()),
        ("plugin_opt_config_file", folder / "dynamic-security.json"),
        ("acl_file", folder / "acl"),
        ("allow_anonymous", "false"),
        ("allow_zero_length_clientid", "false"),
        ("max_packet_size", MAX_PACKET),
        ("max_inflight_messages", WINDOW),
        ("max_queued_messages", 0),  # no limit by number
        ("max_queued_bytes", MAX_QUEUED_BYTES),
        ("persistence", "true"),
        ("persistence_location", f"{folder}/"),
        ("autosave_interval", SAVE_EVERY_S),
        ("set_tcp_nodelay", "true"),
        ("log_dest", "stderr"),
        *(("log_type", kind) for kind in ("error", "warning", "notice", "information")),
        ("listener", f"{port} {listen}"),
        ("cafile", folder / "ca.pem"),
        ("certfile", folder / "server.pem"),
        ("keyfile", folder / "server.key"),
        ("crlfile", folder / "crl.pem"),
        ("tls_version", "tlsv1.2"),
        ("require_certificate", "true"),
        ("use_identity_as_username", "true"),
        ("use_username_as_clientid", "true"),
    )
    return "".join(f"{name} {value}\n" for name, value in settings)


def rules() -> str:
    """The access list: the keeper by name, devices by pattern."""
    keeper = [f"user {SERVICE_PREFIX}{KEEPER}", f"topic readwrite {topics.PREFIX}/#"]
    keeper += [f"topic write {CONTROL}", f"topic read {CONTROL}/response"]
    access = {"device": "write", "cloud": "read"}
    patterns = [f"pattern {access[by]} {topics.topic('%u', name)}" for name, (by, _) in topics.TOPICS.items()]
    return "\n".join([*keeper, *patterns, ""])


def roles(services: Iterable[str]) -> dict:
    """What the plugin knows: each process of a service. In the access list they would lose what waits for them:

    mosquitto forgets there, for each name that is away, what it may read when it reads its files again.
    """
    names = [name for each in services for name in (each, *(f"{each}-{n}" for n in range(2, INSTANCES + 1)))]
    ways = ("publishClientSend", "publishClientReceive")
    access = [{"acltype": way, "topic": f"{topics.PREFIX}/#", "allow": True} for way in ways]
    known = [{"username": f"{SERVICE_PREFIX}{name}", "roles": [{"rolename": "service"}]} for name in names]
    return {"roles": [{"rolename": "service", "acls": access}], "clients": known}


class Mosquitto(Broker):
    """`client` is what its keeper connects as; in `postgres_url` it looks up whose a certificate is."""

    def __init__(self, *broker, services: Iterable[str], postgres_url: str):
        super().__init__(*broker)
        self.services = tuple(services)
        self.settings = {"FIELDREC_POSTGRES_URL": postgres_url}

    @property
    def folder(self) -> Path:
        return self.data / "mosquitto"

    def prepare(self) -> None:
        if words := missing():
            raise ServerError(words)
        super().prepare()
        write(self.folder, self.port, self.services)
        for source, name in ((self.ca, "ca.pem"), (self.certificate, "server.pem"), (self.key, "server.key")):
            shutil.copy(source, self.folder / name)
        own(self.folder)

    def arguments(self) -> list[str]:
        certificate, key = self.client
        files = [f"--certificate={certificate}", f"--key={key}", f"--ca={self.ca}", f"--crl={self.crl}"]
        where = [f"--port={self.port}", f"--folder={self.folder}"]
        return ["-m", "cloud.embedded.mosquitto_main", *where, *files]


def write(folder: Path, port: int, services: Iterable[str]) -> None:
    """The files that mosquitto reads, but for the certificates."""
    (folder / "mosquitto.conf").write_text(configuration(folder, port))
    (folder / "acl").write_text(rules())
    (folder / "dynamic-security.json").write_text(json.dumps(roles(services)))


def own(folder: Path) -> None:
    """mosquitto reads them again at a reload, when it is no longer root: they are its own, and nobody else's."""
    for file in folder.iterdir():
        file.chmod(0o600)
    folder.chmod(0o700)
    if user := process.unprivileged_user():
        user.own(folder)
