"""What `fieldrec cloud` shows: progress while it starts, where everything is, and the services' log lines."""

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from cloud.embedded.server import Server
from cloud.processes import Cloud, running

FOLLOWED = {"registration": "cyan", "ota": "magenta", "broker": "yellow"}
_MARKS = {"starting": "…", "ready": "[green]✓[/]", "stopping": "…", "stopped": "[dim]-[/]"}


class CloudError(Exception):
    """The running cloud could not be asked, or refused; the text says which and why."""


class View:
    """Everything for people goes to `console`: standard output, or standard error if JSON has the output."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(stderr=as_json, highlight=False)
        self.begun = time.monotonic()
        self.states: dict[str, tuple[str, float]] = {}
        self.live: Live | None = None
        self.seen: dict[str, int] = {}  # how far each log was shown

    def progress(self, server: str, state: str) -> None:
        self.states[server] = (state, time.monotonic() - self.begun)
        if self.live:
            self.live.update(self._table(), refresh=True)

    @contextmanager
    def starting(self) -> Iterator[None]:
        with Live(self._table(), console=self.console, auto_refresh=False) as self.live:
            yield
        self.live = None
        if not self.console.is_terminal:
            self.console.line()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for server, (state, after_s) in list(self.states.items()):
            table.add_row(_MARKS[state], server, f"[dim]{state} {after_s:.1f} s[/]")
        return table

    def ready(self, cloud: Cloud) -> None:
        self.seen = {server.name: server.log.stat().st_size for server in cloud.servers}
        if self.as_json:
            print(json.dumps(cloud.describe()), flush=True)
            return
        table = Table.grid(padding=(0, 2))
        for name, url in cloud.urls.items():
            table.add_row(f"[bold]{name}[/]", url)
        table.add_row("[bold]CA[/]", str(cloud.ca))
        table.add_row("[bold]keys[/]", str(cloud.keys))
        table.add_row("[bold]logs[/]", str(cloud.data / "log"))
        table.add_row("[bold]admin token[/]", f"fieldrec cloud token --data {cloud.data}")
        table.add_row("[bold]sign in[/]", f"fieldrec cloud signin --data {cloud.data}")
        self.console.print(table, soft_wrap=True)
        self.say("ready; Ctrl-C stops everything")

    def follow(self, cloud: Cloud) -> None:
        """Shows what was added to the services' logs, each line behind its process's name."""
        for server in cloud.servers:
            if server.name in FOLLOWED:
                for line in self._new_lines(server):
                    self.console.print(f"[{FOLLOWED[server.name]}]{server.name:13}[/]", end="")
                    self.console.print(line, markup=False, soft_wrap=True)

    def _new_lines(self, server: Server) -> list[str]:
        with server.log.open("rb") as log:
            log.seek(self.seen.get(server.name, 0))
            whole, newline, _ = log.read().rpartition(b"\n")
        self.seen[server.name] = self.seen.get(server.name, 0) + len(whole + newline)
        return whole.decode(errors="replace").splitlines()

    def died(self, server: Server) -> None:
        assert server.process
        code = server.process.wait()
        self.console.print(f"[red]{server.name} ended with {code}; everything is stopped. Its log ends:[/]")
        self.console.print(server.log_end(), markup=False, soft_wrap=True)

    def say(self, words: str) -> None:
        self.console.print(f"[dim]{words}[/]")


def make_claim(data: Path, device: str | None) -> dict:
    """A claim token {"token", "expires"} of the cloud that runs in `data`; raises CloudError."""
    found = running(data)
    if found is None:
        raise CloudError(f"nothing runs in {data}; start it with: fieldrec cloud up --data {data}")
    headers = {"Authorization": f"Bearer {Path(found['admin_token_file']).read_text().strip()}"}
    url = f"{found['urls']['registration']}/v1/claims"
    trusted = ssl.create_default_context(cafile=found["ca"])
    try:
        with httpx.Client(verify=trusted, timeout=10, trust_env=False) as client:
            answer = client.post(url, headers=headers, json={"device_id": device} if device else {})
    except httpx.TransportError as error:
        raise CloudError(f"{url}: {error}") from error
    if answer.status_code != 201:
        raise CloudError(f"{url} answers {answer.status_code}: {answer.text[:300]}")
    return answer.json()
