"""What a person does to the world around the board: cell, temperature, what is plugged in, faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from nicegui import ui

from tools.panel.parts import refused
from tools.panel.tables import Bound, Tables
from tools.panel.watch import Hands, Watch
from tools.virtual.i2cbus import FAULTS
from tools.virtual.world import World

_MINE_S = 0.8  # so long after a person moved something it does not follow the board
_EVENT_LINE = {-1: "automatic", 0: "held low", 1: "held high"}
_GAUGES = ("max17048", "bq27427")
_PLUGS = {"USB": "USB host", "CHARGER": "Charger"}
_VOLTS, _CELSIUS = (3.0, 4.3, 0.01), (-10.0, 90.0, 0.5)

Order = Callable[..., None]


class Measure:
    """A slider with the bounds of the device's tables on it."""

    def __init__(self, name: str, unit: str, digits: int, scale: tuple, bounds: Iterable[Bound], send: Order):
        low, high, step = scale
        self._shown, self._send, self._mine_until = f"{{:.{digits}f}} {unit}", send, 0.0
        with ui.element("div").classes("measure"):
            with ui.element("div").classes("line"):
                ui.label(name)
                self._value = ui.label().classes("value").mark(name)
                self._more = ui.label().classes("more")
            self._slider = ui.slider(min=low, max=high, step=step).props(f'aria-label="{name}"')
            self._slider.on("update:model-value", self._moved, throttle=0.1)
            with ui.element("div").classes("bounds"):
                for bound in bounds:
                    place = f"left: {(bound.at - low) / (high - low) * 100:.2f}%"
                    with ui.element("span").style(place).props(f'title="{bound.does}"'):
                        ui.label(f"{bound.at:.{digits - 1}f}")
            with ui.element("div").classes("hint"):
                for bound in bounds:
                    ui.label(f"{bound.at:.{digits - 1}f} {unit} {bound.does}")

    def _moved(self, event) -> None:
        self._mine_until = time.monotonic() + _MINE_S
        self._value.text = self._shown.format(event.args)
        self._send(event.args)

    def show(self, value: float, more: str = "") -> None:
        self._more.text = more
        if time.monotonic() > self._mine_until:
            self._slider.value = value
            self._value.text = self._shown.format(value)


class WorldCard:
    """Follows the board, unless a person has just moved something on this page, or the board doesn't know of it yet."""

    def __init__(self, hands: Hands, tables: Tables):
        self._hands = hands
        order = self._order
        self._mine_until = 0.0
        self._volts = Measure(
            "Cell", "V", 2, _VOLTS, tables.volts, lambda v: order("battery_mv", round(v * 1000))
        )
        self._celsius = Measure(
            "Temperature", "°C", 1, _CELSIUS, tables.celsius, lambda c: order("temperature_c", c)
        )
        self._switches: list[tuple[ui.switch, Callable[[World], bool]]] = []
        with ui.element("div").classes("switches"):
            for name, label in _PLUGS.items():
                self._switch(label, partial(self._plug, order, name), partial(_is_plugged, name))
            self._switch("SD card", partial(order, "set_card"), lambda world: world.card)
            self._switch("Radio link", partial(order, "set_link"), lambda world: world.link)
        with ui.element("div").classes("choices"):
            faults = {kind: kind.replace("_", " ") or "none" for kind in FAULTS}
            self._gauge = self._select(
                "Gauge", dict(zip(_GAUGES, _GAUGES, strict=True)), partial(order, "set_gauge")
            )
            self._fault = self._select("Gauge fault", faults, partial(order, "set_gauge_fault"))
            self._event = self._select("PWR_SW4", _EVENT_LINE, partial(order, "force_event_line"))

    def _order(self, *order) -> None:
        self._mine_until = time.monotonic() + _MINE_S
        self._hands.order(refused, *order)

    @staticmethod
    def _plug(order: Order, name: str, on: bool) -> None:
        order("hold" if on else "release", name)

    def _switch(self, label: str, send: Order, is_on: Callable[[World], bool]) -> None:
        switch = ui.switch(label)
        switch.on("update:model-value", lambda event: send(bool(event.args[0])))
        self._switches.append((switch, is_on))

    def _select(self, label: str, options: dict, send: Order) -> ui.select:
        select = ui.select(options, label=label).props("dense outlined options-dense")
        select.on("update:model-value", lambda event: send(list(options)[event.args["value"]]))
        return select

    def show(self, watch: Watch) -> None:
        world = watch.history.world
        self._volts.show(
            world.ocv_mv / 1000, f"{world.soc_pct():.0f} % · {world.cell_mv() / 1000:.3f} V loaded"
        )
        self._celsius.show(world.temp_c)
        if self._hands.busy:
            self._mine_until = time.monotonic() + _MINE_S
        if time.monotonic() < self._mine_until:
            return
        for switch, is_on in self._switches:
            switch.value = is_on(world)
        self._fault.value = world.gauge_fault
        self._gauge.value = world.bus_state["gauge"]
        self._event.value = world.event_line


def _is_plugged(name: str, world: World) -> bool:
    return world.levels[name] == 1
