"""The servers that the image brings itself, as the compose file starts them."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud import trust
from cloud.deploy import etcd, prepare
from cloud.embedded import mosquitto, ports
from cloud.embedded.broker import Broker
from cloud.embedded.python import ROOT, ask_health
from cloud.embedded.server import NotReady
from cloud.ota.leader import Election
from cloud.tasks import background
from tests.cloud.fleet import WAIT_S
from tools import keys
from tools.commands.cloud import app as cloud_commands


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """In a folder that every user can reach: started by root, mosquitto is another."""
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        keys.new(folder / "keys")
        prepare.prepare(folder, "fleet.example.org")
        yield folder


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[subprocess.Popen]:
    environ = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FIELDREC_POSTGRES_URL": "postgresql://nobody:x@127.0.0.1:1/x",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(WAIT_S)


async def until_it_answers(process: subprocess.Popen, ask, folder: Path) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await asyncio.to_thread(ask)
            except (OSError, NotReady):
                assert process.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)  # a server's readiness can only be asked for


async def test_broker_of_the_image_takes_a_service(prepared, tmp_path):
    if words := mosquitto.missing():
        pytest.skip(words)
    port, pki = ports.free(1)[0], prepared / "pki"
    (kept := prepared / "mosquitto").chmod(0o755)
    command = [sys.executable, "-m", "cloud.deploy.broker", f"--port={port}", f"--folder={kept}"]
    command += [f"--server={pki / 'server.pem'}", f"--client={pki / 'service-broker.pem'}"]
    command += [f"--ca={pki / 'ca.pem'}", f"--crl={pki / 'crl.pem'}"]
    client = (pki / "service-ota.pem", pki / "service-ota.key")
    server = Broker(
        prepared, port, pki / "server.pem", pki / "server.key", pki / "ca.pem", client, pki / "crl.pem"
    )
    with running(command, tmp_path) as process:
        await until_it_answers(process, server.ask, tmp_path)


async def test_etcd_behind_tls_elects(prepared, tmp_path):
    port, pki = ports.free(1)[0], prepared / "pki"
    command = etcd.command(tmp_path / "etcd", pki / "server.pem", pki / "server.key", "127.0.0.1", port)
    url = f"https://127.0.0.1:{port}"
    with running(command, tmp_path) as process:
        await until_it_answers(process, lambda: ask_health(url, pki / "ca.pem"), tmp_path)
        elected = asyncio.Event()
        election = Election(url, "role", "holder", elected, trust=trust.context(pki / "ca.pem"))
        async with background(election.run(), "election"):
            await asyncio.wait_for(elected.wait(), WAIT_S)
            assert election.revision
        env = {"FIELDREC_ETCD_URL": url, "FIELDREC_CA_CERT": str(pki / "ca.pem")}
        asked = ["config", "url_life_s", "90", "--data", str(tmp_path / "none")]
        said = await asyncio.to_thread(CliRunner().invoke, cloud_commands, asked, env=env)
        assert said.output.split()[:2] == ["url_life_s", "90"]
