"""`fieldrec board provision` against a real cloud: over the cable alone, and the key stays on the board."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from tests.onboard.conftest import BOOT_S, at_port, stop_after
from tools import firmware
from tools.board import provision
from tools.board.link import Link, LinkError, connected
from tools.cli import main
from tools.cloud_view import make_claim


@pytest.fixture
def files(flash_files, request) -> dict[str, bytes]:
    """Of a device of its own for each test."""
    name = re.sub(r"[^a-z]+", "-", request.node.name)[:40].strip("-")
    device = flash_files["etc/device.json"].replace(b"dev-0001", name.encode())
    return {**flash_files, "etc/device.json": device}


@pytest.fixture
def claim(cloud) -> str:
    return make_claim(cloud.data, None)["token"]


@pytest.fixture
def order(cloud, claim) -> provision.Order:
    return provision.Order(cloud.urls["registration"], claim, firmware.der(cloud.ca))


def test_from_flashed_to_online_with_a_label(tmp_path, files, cloud, claim, monkeypatch):
    heard: list[str] = []
    run = Link._run

    def listen(self: Link, code: str) -> str:
        heard.append(run(self, code))
        return heard[-1]

    monkeypatch.setattr(Link, "_run", listen)
    label, url = tmp_path / "l.png", cloud.urls["registration"]
    command = f"board provision --port {tmp_path / 'port'} --cloud {url} --claim {claim} --ca {cloud.ca}"
    options = f"--wifi virtual --wifi-key of-the-net --label {label}"
    with at_port(tmp_path, files) as live:
        live.wait_line("state IDLE", BOOT_S)
        result = CliRunner().invoke(main, f"{command} {options}".split())
        assert result.exit_code == 0, result.output
        live.wait_line("network: online at", 60)
    there = live.board.read_flash()
    private = there["etc/key.der"][7:39]
    told = "\n".join(heard) + result.output
    assert str(private)[2:-1] not in told and private.hex() not in told
    certificate = x509.load_der_x509_certificate(there["etc/cert.der"])
    public = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert public[1:] == there["etc/key.der"][-64:]
    pin = there["etc/pin.txt"].decode()
    assert re.fullmatch(r"\d{8}", pin) and pin not in told
    assert label.read_bytes().startswith(b"\x89PNG")
    assert label.stat().st_mode & 0o777 == 0o600


def test_cut_short_it_is_run_again_with_the_same_claim(tmp_path, files, order):
    with at_port(tmp_path, files) as live:
        live.wait_line("state IDLE", BOOT_S)
        for calls in (9, 12):  # after the key was made; after the cloud has given the certificate
            with connected(tmp_path / "port") as link, pytest.raises(LinkError, match="pulled"):
                stop_after(link, calls)
                provision.provision(link, order)
        with connected(tmp_path / "port") as link:
            first = provision.provision(link, order)
            with pytest.raises(provision.ProvisionError, match="has a certificate: --again"):
                provision.provision(link, order)
    assert first.broker.startswith("127.0.0.1:") and "etc/cert.der" in live.board.read_flash()


def test_refusals_have_the_clouds_words_and_leave_no_certificate(tmp_path, files, order):
    wrong = (
        (provision.Order(order.cloud, "none of yours", order.ca), "status 403: claim token is not known"),
        (provision.Order("https://127.0.0.1:1", order.claim, order.ca), "refused"),
        (provision.Order(order.cloud, order.claim), "certificate verify failed"),
    )
    with at_port(tmp_path, files) as live:
        live.wait_line("state IDLE", BOOT_S)
        with connected(tmp_path / "port") as link:
            for each, words in wrong:
                with pytest.raises(provision.ProvisionError, match=words):
                    provision.provision(link, each)
        live._call(live.board.close)
    assert "etc/cert.der" not in live.board.read_flash()


def test_a_board_that_was_not_flashed(new_board, tmp_path, order):
    with (
        connected(tmp_path / "port") as link,
        pytest.raises(provision.ProvisionError, match="flash` comes first"),
    ):
        provision.provision(link, order)
