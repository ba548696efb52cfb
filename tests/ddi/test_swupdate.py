"""Debian's SWUpdate, as it is, takes an update from the service that runs: start to finish, and as it fails.

It runs with its hawkBit client (suricatta), restarts as a device would, and then says how its new software does.
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.cloud.fleet import Cloud, Device
from tests.ddi.conftest import BOARD, Ddi, bundle_file
from tests.ddi.swu import Signer, make
from tests.update.linkproxy import Fault, LinkProxy
from tools.cli import main

SWUPDATE = shutil.which("swupdate")
RESET_AT = 120_000  # bytes of a connection
PATIENCE_S = 60.0  # SWUpdate rests between polls, and between the pieces of a download
CONFIG = """
globals : {{ verbose = true; loglevel = 5; public-key-file = "{home}/signer.pem"; }};
suricatta : {{
    tenant = "DEFAULT"; id = "{id}"; url = "{url}"; cafile = "{ca}"; {login}
}};
identify : ( {{ name = "hw"; value = "gateway 1.0"; }} );
"""

pytestmark = pytest.mark.skipif(
    SWUPDATE is None, reason="swupdate is not installed (Debian: apt install swupdate)"
)


@pytest.fixture
async def running(registration: Cloud) -> AsyncIterator[Ddi]:
    """The OTA service as a process of its own, behind TLS, which tells devices to come each second."""
    service = registration.ota_service(FIELDREC_DDI_POLL_S="1")
    service.start()
    headers, verify = {"Authorization": f"Bearer {registration.stores.admin_token}"}, registration.tls()
    try:
        async with httpx.AsyncClient(
            base_url=service.url, verify=verify, headers=headers
        ) as registration.ota:
            yield Ddi(registration)
    finally:
        service.stop()


@pytest.fixture
async def bad_link(running: Ddi) -> AsyncIterator[LinkProxy]:
    """Each connection is reset when so much has come over it."""
    proxy = LinkProxy(running.cloud.ota.base_url.port, lambda _: Fault("drop", RESET_AT))
    await proxy.start()
    yield proxy
    await proxy.stop()


class Gateway:
    """A device with SWUpdate on it. `installed` is what an update writes."""

    def __init__(self, ddi: Ddi, home: Path, device: str, login: str, port: int = 0):
        self.id, self.home, self.installed = device, home, home / "installed.bin"
        self.content = os.urandom(300_000)
        self._signer = Signer()
        (home / "signer.pem").write_bytes(self._signer.pem)
        url, ca = f"https://127.0.0.1:{port or ddi.cloud.ota.base_url.port}", ddi.cloud.stores.ca
        (home / "swupdate.cfg").write_text(CONFIG.format(home=home, id=device, url=url, ca=ca, login=login))

    def release(self, ddi: Ddi, signer: Signer | None = None, version: str = "2.0.0") -> Path:
        bundle = make(self.content, str(self.installed), signer or self._signer, version)
        name = f"gateway-{self.id}.swu"
        return bundle_file(ddi.cloud.folder, ddi.cloud.release_key, version, {name: bundle})

    @contextmanager
    def running(self, *more: str) -> Iterator[None]:
        """`more`: of suricatta. Its sockets lie in its home, so that two don't meet."""
        assert SWUPDATE
        command = [SWUPDATE, "-f", "swupdate.cfg", "-H", "gateway:1.0", "-u", " ".join(("-r 10 -w 1", *more))]
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.home, env={**os.environ, "TMPDIR": str(self.home)}, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


@pytest.fixture
def homes() -> Iterator[Iterator[Path]]:
    """As many folders as are wanted. Their names are short, as those of sockets have to be."""
    with tempfile.TemporaryDirectory(prefix="swu-") as folder:
        yield (Path(tempfile.mkdtemp(dir=folder)) for _ in itertools.count())


async def until(ddi: Ddi, gateway: Gateway, right) -> dict:
    statement = (
        "SELECT status, step, progress_pct, detail FROM jobs WHERE device_id = %s ORDER BY id DESC LIMIT 1"
    )
    try:
        rows = await ddi.cloud.until(
            lambda rows: bool(rows) and right(rows[0]), statement, gateway.id, within_s=PATIENCE_S
        )
        return rows[0]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{gateway.log[-40000:]}") from None


async def with_token(ddi: Ddi, home: Path, port: int = 0) -> Gateway:
    made = json.loads(await target(ddi, "add", "gw-0001", "--board", BOARD, "--json"))
    return Gateway(ddi, home, "gw-0001", f'targettoken = "{made["token"]}";', port)


async def target(ddi: Ddi, *words: str) -> str:
    """What `fieldrec target` prints."""
    stores = ddi.cloud.stores
    options = ("--url", str(ddi.cloud.ota.base_url), "--token", stores.admin_token, "--ca", str(stores.ca))
    done = await asyncio.to_thread(CliRunner().invoke, main, ["target", *words, *options])
    assert done.exit_code == 0, done.output
    return done.output


async def with_certificate(ddi: Ddi, home: Path) -> Gateway:
    """Enrolled as any other device is; no token."""
    device = Device("gw-0002", ddi.cloud)
    await device.enrol()
    pem = ddi.cloud.folder / f"{device.id}.pem"
    return Gateway(ddi, home, device.id, f'sslcert = "{pem}"; sslkey = "{pem}";')


async def installed(ddi: Ddi, gateway: Gateway) -> None:
    await until(ddi, gateway, lambda job: job["step"] == "installed")
    assert gateway.installed.read_bytes() == gateway.content


async def ended(ddi: Ddi, gateway: Gateway) -> dict:
    return await until(ddi, gateway, lambda job: job["status"] not in ("QUEUED", "IN_PROGRESS"))


async def test_an_update_from_poll_to_confirmed(running, bad_link, homes):
    """One with a target token, over a link that breaks until it has gone on where it was; one with its certificate."""
    gateways = {
        "2.0.0": await with_token(running, next(homes), bad_link.port),
        "2.0.1": await with_certificate(running, next(homes)),
    }
    for version, gateway in gateways.items():
        release = await running.publish(gateway.release(running, version=version))
        campaign = await running.campaign(gateway, release=release)
        with gateway.running():
            await installed(running, gateway)
        with gateway.running("-c", "2"):  # after the restart its software is well
            job = await ended(running, gateway)
        assert (job["status"], job["step"], job["detail"]) == ("SUCCEEDED", "confirmed", "Update Installed.")
        await running.cloud.until_campaign(campaign, "SUCCEEDED")
        said = "SELECT attributes FROM ddi_targets WHERE device_id = %s"
        assert (await running.cloud.rows(said, gateway.id))[0]["attributes"] == {"hw": "gateway 1.0"}
    shown = [line.split() for line in (await target(running, "list")).splitlines()]
    assert [line[:3] for line in shown] == [
        ["gw-0001", BOARD, "token"],
        ["gw-0002", "virtual", "certificate"],
    ]
    assert bad_link.faults["drop"] >= len(gateway.content) // RESET_AT


async def test_updates_that_fail(running, homes):
    """One that SWUpdate doesn't trust: our signature says nothing to it. One that is not well after the restart."""
    gateway = await with_token(running, next(homes))
    release = await running.publish(gateway.release(running, Signer()))
    untrusted = await running.campaign(gateway, release=release)
    with gateway.running():
        assert (await ended(running, gateway))["status"] == "FAILED"
    assert not gateway.installed.exists()
    assert "Authentication of all signatures failed" in gateway.log
    await running.cloud.until_campaign(untrusted, "HALTED")
    release = await running.publish(gateway.release(running, version="2.0.1"))
    unwell = await running.campaign(gateway, release=release)
    with gateway.running():
        await installed(running, gateway)
    with gateway.running("-c", "3"):
        job = await ended(running, gateway)
    assert (job["status"], job["detail"]) == ("FAILED", "Update Failed.")
    await running.cloud.until_campaign(unwell, "HALTED")
    assert await target(running, "revoke", gateway.id) == "gw-0001 has no target token any more\n"
    (row,) = json.loads(await target(running, "list", "--json"))
    assert (row["id"], row["has_token"]) == (gateway.id, False)
