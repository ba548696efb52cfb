"""The panel's own elements: the device, the plot, the diagram."""

from __future__ import annotations

import re

from nicegui import ui

from tools.panel.history import WINDOW_S
from tools.panel.tables import Tables
from tools.panel.watch import Hands, Watch
from tools.release_build import PROJECT

_ROWS = ("state", "PWR_SW1", "PWR_SW2", "PWR_SW4", "LED_STATE", "LED_REC", "HAPTIC", "LOAD")
_KEYS = ("PWR_SW1", "PWR_SW2")
_MERMAID = {"theme": "base", "themeVariables": {"fontSize": "21px"}}
_DIAGRAM = (PROJECT / "docs/state-machine.mmd").read_text()
_LOOP = re.compile(r"(?m)^ *(\w+) --> \1 : (.+)$")
STATES = sorted({*re.findall(r"--> (\w+)", _DIAGRAM)})


def snapshot(watch: Watch) -> dict:
    """What the drawing shows."""
    news, world = watch.news, watch.history.world
    downs = {key: watch.history.down(key) for key in _KEYS}
    return {
        "run": news["seen"]["run"], "now_us": news["now_us"], "rate": news["rate"], "power": news["power"],
        "state": news["state"], "pins": news["pins"], "link": world.link, "temp_c": world.temp_c,
        "usb": world.levels["USB"] == 1, "charger": world.levels["CHARGER"] == 1,
        "card": world.card,
        "down": {key: {"since_us": down[0], "state": down[1]} for key, down in downs.items() if down},
    }  # fmt: skip


class Device(ui.element, component="device.js"):
    """The drawing; keys are held by `hands` for `page`, and let go when the page goes."""

    def __init__(self, watch: Watch, hands: Hands, tables: Tables):
        super().__init__()
        page, client = self.client.id, self.client
        self.props["board"], self.props["ladders"] = snapshot(watch), tables.ladders
        self.on("down", lambda event: hands.hold(page, event.args, refused))
        self.on("up", lambda event: hands.release(page, event.args))
        client.on_disconnect(lambda: hands.release_all(page))

    def show(self, watch: Watch) -> None:
        self.props["board"] = snapshot(watch)


class Plot(ui.element, component="plot.js"):
    """The signals' edges."""

    def __init__(self, watch: Watch):
        super().__init__()
        self.props["window_s"] = WINDOW_S
        self.show(watch)

    def show(self, watch: Watch) -> None:
        news = watch.news
        self.props["rows"] = watch.history.rows(_ROWS)
        self.props.update(now_us=news["now_us"], rate=news["rate"], run=news["seen"]["run"])


class StateDiagram(ui.element):
    """docs/state-machine.mmd as it is, the current state lit by style."""

    def __init__(self) -> None:
        super().__init__("div")
        self.classes("diagram")
        with self:
            ui.mermaid(_boxed(_DIAGRAM), config=_MERMAID)
        self.on("click", lambda: self.classes(toggle="large"))
        ui.add_css(_lit())

    def show(self, watch: Watch) -> None:
        self.props["data-state"] = watch.news["state"]


def _boxed(diagram: str) -> str:
    """What leaves a state as it is, written in its box: as arrows, their labels would lie on each other."""
    return _LOOP.sub(r"    \1 : \2", diagram)


def _lit() -> str:
    """The style of the state that a diagram names in `data-state`."""
    nodes = ",".join(f'.diagram[data-state="{state}"] g[id*="state-{state}-"]' for state in STATES)
    return f":is({nodes}) {{ --box: var(--lit); --edge: var(--lit); --ink: #fff; }}"


def refused(words: str) -> None:
    """Say on the page what the board said."""
    ui.notify(words, type="warning", position="top")
