"""The panel as a server on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from nicegui import app, ui

from tools.panel.page import build
from tools.panel.watch import Hands, Watch


def serve(board: Path, http_port: int, show: bool, on_ready: Callable[[str], None]) -> None:
    """Until Ctrl-C: the panel of the board at `board`, which need not run yet. `on_ready` gets the address."""
    watch = Watch(board)
    hands = Hands(watch)
    watch.changed.subscribe(lambda lines, anew: hands.board_came_back() if anew else None)
    tasks: list[asyncio.Task] = []

    def start() -> None:
        tasks.extend(asyncio.create_task(each.run()) for each in (watch, hands))
        on_ready(f"http://127.0.0.1:{http_port}")

    async def stop() -> None:
        await hands.let_go()
        for task in tasks:
            task.cancel()

    app.on_startup(start)
    app.on_shutdown(stop)
    ui.run(
        lambda: build(watch, hands), host="127.0.0.1", port=http_port, title="Fieldrec board", dark=None,
        reload=False, show=show, tailwind=False, show_welcome_message=False, access_log=False,
        uvicorn_logging_level="warning",
    )  # fmt: skip
