"""The page: one for each browser tab, all fed by the one watcher."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nicegui import ui

from tools.panel import tables
from tools.panel.parts import Device, Plot, StateDiagram, refused
from tools.panel.watch import Hands, Watch
from tools.panel.world import WorldCard
from tools.virtual.log import change

_CSS = (Path(__file__).parent / "panel.css").read_text()
_LOG_LINES = 400
_ICONS = {None: "brightness_auto", True: "dark_mode", False: "light_mode"}
_NEXT_MODE = {None: True, True: False, False: None}


def build(watch: Watch, hands: Hands) -> None:
    ui.add_css(_CSS)
    ui.context.client.content.style("padding: 0; display: block")
    dark = ui.dark_mode(None)
    with ui.element("div").classes("panel"):
        if watch.news:
            Page(watch, hands, dark)
        else:
            _waiting(watch)


def _waiting(watch: Watch) -> None:
    """Until there is a board for the first time."""
    with ui.element("div").classes("waiting"):
        ui.spinner(size="lg")
        ui.label(f"Waiting for a board at {watch.port}")
    watch.changed.subscribe(lambda lines, anew: ui.navigate.reload() if anew else None)


class Page:
    def __init__(self, watch: Watch, hands: Hands, dark: ui.dark_mode):
        self._watch, self._dark = watch, dark
        order = partial(hands.order, refused)
        device_tables = tables.read()
        with ui.element("header"):
            ui.html('<b class="mark"></b> Fieldrec', sanitize=False).classes("brand")
            self._name = ui.label().classes("name")
            self._state = ui.label().classes("state").mark("state")
            ui.element("div").classes("grow")
            self._clock = ui.label().classes("clock")
            self._power = ui.button("", color=None, on_click=lambda: order(self._power_order())).classes(
                "power"
            )
            self._mode = ui.button(icon=_ICONS[None], color=None, on_click=self._switch_mode).props(
                'flat round dense aria-label="Light or dark"'
            )
        self._trouble = ui.label().classes("trouble")
        with ui.element("div").classes("parts"):
            with ui.element("section").classes("stage"):
                self._device = Device(watch, hands, device_tables)
            with _card("The world around it", "world"):
                self._world = WorldCard(hands, device_tables)
            with _card("States", "states"):
                self._diagram = StateDiagram()
            with _card("Timing", "timing"):
                self._plot = Plot(watch)
            with _card("Log", "logs"), ui.element("div").classes("log"):
                self._log = ui.element("div").mark("log")
        self._say(watch.lines)
        self._show()
        watch.changed.subscribe(self._changed)

    def _changed(self, lines: list[str], anew: bool) -> None:
        if anew:
            self._log.clear()
        self._say(lines)
        self._show()

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            with self._log:
                ui.label(line).classes("change" if change(line) else _kind(line))
        for label in self._log.default_slot.children[:-_LOG_LINES]:
            label.delete()

    def _show(self) -> None:
        watch = self._watch
        self._trouble.text = watch.trouble
        self._trouble.set_visibility(bool(watch.trouble))
        if watch.trouble:
            return
        news = watch.news
        self._name.text = f"virtual board · {watch.port.name}"
        self._state.text = news["state"] if news["power"] != "dead" else "no battery"
        self._state.props["data-state"] = news["state"]
        self._clock.text = f"{_clock(news['now_us'])}  ·  {news['rate']:g}x"
        self._power.text = "Put battery in" if news["power"] == "dead" else "Pull battery"
        for part in (self._device, self._world, self._diagram, self._plot):
            part.show(watch)

    def _power_order(self) -> str:
        return "power_on" if self._watch.news["power"] == "dead" else "cut_power"

    def _switch_mode(self) -> None:
        self._dark.value = _NEXT_MODE[self._dark.value]
        self._mode.props["icon"] = _ICONS[self._dark.value]


def _card(title: str, name: str) -> ui.element:
    card = ui.element("section").classes(f"card {name}")
    with card:
        ui.label(title).classes("title")
    return card


def _kind(line: str) -> str:
    return next((kind for kind in ("warning", "error") if kind in line.lower()), "")


def _clock(now_us: int) -> str:
    seconds = now_us // 1_000_000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
