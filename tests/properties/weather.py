"""What the world around a board really was, moment by moment: the same model, lived again with what the board did."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tools.virtual.board import World
from tools.virtual.trace import Trace


@dataclass(frozen=True)
class Sample:
    """Holds from `t_us` until the next one. `ocv_mv` is the cell at rest, `cell_mv` as it is now, under the load."""

    t_us: int
    temp_c: float
    ocv_mv: float
    cell_mv: float
    fault: str = ""


Level = tuple[int, str, int]  # (t_us, signal, level)


def weather(trace: Trace) -> tuple[list[Sample], list[Level]]:
    """The samples, and the changes of the signals that go into the board."""
    world = trace.new_world()
    samples, levels = [_sample(world)], []
    for t_us, act in _acts(trace):
        while world.now_us < t_us:
            levels += _advance(world, min(t_us, max(world.now_us + 1, world.next_us())))
            samples.append(_sample(world))
        act(world)
        levels += _advance(world, world.now_us)
        samples.append(_sample(world))
    return samples, levels


def _acts(trace: Trace) -> list[tuple[int, Callable[[World], None]]]:
    """What was done to the world and when, by people and by the load; the end of the trace is the last."""
    orders = [o for o in trace.orders if o.command not in ("power_on", "cut_power")]
    acts = [(o.t, partial(_do, o.command, o.arguments)) for o in orders]
    acts += [(e.t, partial(_load, e.value)) for e in trace.edges if e.signal == "LOAD"]
    return [*sorted(acts, key=lambda act: act[0]), (trace.end_us, lambda world: None)]


def _do(command: str, arguments: tuple, world: World) -> None:
    getattr(world, command)(*arguments)


def _load(duty_u16: int, world: World) -> None:
    world.duty = duty_u16 / 65535


def _advance(world: World, t_us: int) -> list[Level]:
    return [(t_us, signal, level) for signal, level in world.advance(t_us)]


def _sample(world: World) -> Sample:
    return Sample(world.now_us, world.temp_c, world.ocv_mv, world.cell_mv(), world.gauge_fault)
