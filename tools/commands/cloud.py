"""`fieldrec cloud`."""

import json
import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tools.commands import audit
from tools.commands.errors import explained

app = typer.Typer(name="cloud", no_args_is_help=True, help="Run the update cloud with all that it needs.")
app.add_typer(audit.app)

Data = Annotated[Path, typer.Option("--data", help="Folder that holds everything the cloud keeps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Keys = Annotated[Path | None, typer.Option("--keys", help="Folder of `fieldrec keys new`; else DATA/keys.")]
DATA = Path(".fieldrec")


class StopRequested(BaseException):
    """SIGTERM or SIGINT. Not an Exception, so that nothing on the way takes it for a failure."""


@app.command()
def up(
    data: Data = DATA,
    keys: Keys = None,
    ports: Annotated[str, typer.Option(help="First of ten ports in a row, or auto for free ones.")] = "8443",
    broker: Annotated[
        str, typer.Option(help="embedded, or mosquitto, which has to be installed.")
    ] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object when ready.")] = False,
) -> None:
    """Start everything, say where it is, and stay until interrupted.

    Stores that the environment names (FIELDREC_POSTGRES_URL, FIELDREC_REDIS_URL, FIELDREC_ETCD_URL,
    FIELDREC_MQTT_HOST, FIELDREC_OBJECTS_URL) are used instead of embedded ones.
    """
    from cloud.embedded.ports import PortsTaken
    from cloud.embedded.server import ServerError
    from cloud.processes import AlreadyRunning, Cloud, KeysMissing
    from tools.cloud_view import View

    view = View(as_json)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    given = {name: value for name, value in os.environ.items() if name.startswith("FIELDREC_")}
    try:
        with explained(AlreadyRunning, KeysMissing, PortsTaken, ServerError):
            cloud = Cloud(
                data,
                keys=keys or _keys(data),
                base_port=_base(ports),
                given=given,
                broker=_broker(broker),
                progress=view.progress,
            )
            with view.starting(), ExitStack() as started:
                started.enter_context(cloud)
                stop = started.pop_all()
        with stop:
            view.ready(cloud)
            while (dead := cloud.first_death(0.5)) is None:
                view.follow(cloud)
            view.follow(cloud)
            view.died(dead)
            raise typer.Exit(1)
    except StopRequested:
        view.say("stopped")


@app.command()
def status(data: Data = DATA, as_json: AsJson = False) -> None:
    """Say what runs and where; exit code 1 if nothing does."""
    from cloud.processes import running

    found = running(data)
    if as_json:
        typer.echo(json.dumps(found))
    elif found is None:
        typer.echo(f"nothing runs in {data}")
    else:
        for name, server in found["servers"].items():
            state = f"pid {server['pid']}" if server["pid"] else "not running"
            typer.echo(f"{name:13} {state:12} {server['log']}")
        for name, url in found["urls"].items():
            typer.echo(f"{name:13} {url}")
    if found is None:
        raise typer.Exit(1)


@app.command()
def prepare(
    folder: Annotated[
        Path, typer.Argument(help="Gets certificates and secrets; has keys/roots.json already.")
    ],
    host: Annotated[str, typer.Option(help="What devices and people call the cloud.")],
    postgres_url: Annotated[str, typer.Option(help="For Kubernetes, with a password.")] = "",
    redis_url: Annotated[str, typer.Option(help="For Kubernetes, with a password.")] = "",
) -> None:
    """Make what a deployment by compose file or Kubernetes needs (docs/deploy.md); again, before certificates end."""
    from cloud.deploy.prepare import KeysMissing
    from cloud.deploy.prepare import prepare as make

    with explained(KeysMissing):
        make(folder, host, postgres_url, redis_url)
    typer.echo(
        f"made {folder / 'compose.env'} and {folder / 'secrets.yaml'}; keep both, and {folder / 'pki'}, from others"
    )


@app.command()
def token(data: Data = DATA) -> None:
    """Print the admin token, for the header `Authorization: Bearer TOKEN`."""
    from cloud.embedded.material import Material

    with explained():
        typer.echo(Material(data).secret("admin-token"))


@app.command()
def signin(
    data: Data = DATA,
    user: Annotated[str, typer.Option(help="Whom it signs in; made if there is no such user.")] = "admin",
    role: Annotated[
        str, typer.Option(help="Of a user that is made: viewer, operator, approver or admin.")
    ] = "admin",
) -> None:
    """Print a link that signs a person in at the dashboard, once and within 15 minutes."""
    from cloud.embedded.material import Material
    from cloud.processes import running
    from tools.signin import SignInError, link

    with explained(SignInError):
        found = running(data)
        if found is None:
            raise SignInError(f"nothing runs in {data}; start it with: fieldrec cloud up --data {data}")
        typer.echo(link(found["urls"], Path(found["ca"]), Material(data).secret("admin-token"), user, role))


@app.command()
def claim(
    data: Data = DATA,
    device: Annotated[str | None, typer.Option(help="Only this device may use it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a claim token, with which one device enrols once."""
    from tools.cloud_view import CloudError, make_claim

    with explained(CloudError):
        made = make_claim(data, device)
    typer.echo(json.dumps(made) if as_json else made["token"])


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; on another disk or machine.")],
    key: Annotated[
        Path, typer.Option(help="File with the key that secrets are sealed with; made if missing.")
    ],
    data: Data = DATA,
) -> None:
    """Back the running cloud up, and archive from now on what PostgreSQL writes: at most 5 minutes are lost.

    Run it daily: each makes a new base, and the archive before the last but one is removed.
    """
    from cloud import sealed
    from cloud.backup import BackupError
    from cloud.backup import backup as make

    with explained(BackupError, sealed.SealError):
        if key.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"{key} would lie beside what it opens; keep it elsewhere")
        if not key.exists():
            sealed.new_key(key)
            typer.echo(f"made {key}: without it the backup can't be restored; keep a copy elsewhere")
        made = make(data, folder, sealed.read_key(key), typer.echo)
    typer.echo(f"made {made}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="Of `fieldrec cloud backup`.")],
    key: Annotated[Path, typer.Option(help="File with the key that secrets were sealed with.")],
    data: Data = DATA,
    to: Annotated[
        str, typer.Option(help="Time, as 2026-01-31T12:00:00Z; as late as there is if left out.")
    ] = "",
) -> None:
    """Bring a cloud back into a new folder, as it was last or at a point in time; start it with `up` then."""
    from cloud import sealed
    from cloud.backup import BackupError
    from cloud.restore import restore as bring_back

    with explained(BackupError, sealed.SealError):
        bring_back(folder, data, sealed.read_key(key), _time(to), typer.echo)
    if to:
        typer.echo("it is not archived any more: back it up into a new folder")
    typer.echo(f"restored; start it with: fieldrec cloud up --data {data}")


@app.command()
def config(
    name: Annotated[str, typer.Argument(help="A setting; all are shown without.")] = "",
    value: Annotated[str, typer.Argument(help="What it is to be from now on.")] = "",
    unset: Annotated[bool, typer.Option("--unset", help="As by default again.")] = False,
    data: Data = DATA,
) -> None:
    """Show or change what the services follow while they run, in etcd."""
    import httpx

    from cloud import liveconfig, trust
    from cloud.processes import running

    found = running(data) or {"urls": {}}
    ca = os.environ.get("FIELDREC_CA_CERT")
    url = os.environ.get("FIELDREC_ETCD_URL") or found["urls"].get("etcd")
    with explained(httpx.HTTPError):
        if not url:
            raise ValueError(f"nothing runs in {data}, and FIELDREC_ETCD_URL is not set")
        with httpx.Client(
            base_url=url, trust_env=False, verify=trust.context(Path(ca)) if ca else True
        ) as etcd:
            if value:
                liveconfig.put(etcd, name, value)
            elif unset:
                liveconfig.unset(etcd, name)
            kept = liveconfig.read_now(etcd)
    for each, number in liveconfig.NUMBERS.items():
        if name in ("", each):
            typer.echo(f"{each:24} {kept.get(each, f'{number.default} (default)'):16} {number.words}")


def _time(text: str) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _stop(_signal: int, _frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # once: stopping in order is not to be interrupted
    raise StopRequested


def _keys(data: Path) -> Path:
    """DATA/keys, made if it is missing."""
    from tools import keys

    folder = data / "keys"
    if not folder.exists():
        keys.new(folder, ("app", "runtime"))
    return folder


def _broker(name: str) -> str:
    from cloud.processes import BROKERS

    if name not in BROKERS:
        raise ValueError(f"--broker {name!r} is none of {', '.join(BROKERS)}")
    return name


def _base(ports: str) -> int | None:
    if ports == "auto":
        return None
    if not ports.isdecimal() or not 0 < int(ports) < 65527:
        raise ValueError(f"--ports {ports!r} is neither a number below 65527 nor auto")
    return int(ports)
