"""How many edges a second reach the host without loss, over a pseudo-terminal: `python -m tests.rig.throughput`.

The simulated pins run in the same interpreter as the firmware and take their share of it; a Pico's pins take none.
"""

from hil.pico_rig import PicoRig
from hil.sim import SimulatedPico

_EDGES = 16_000  # 16 times what the ring holds


def captured(period_us: int) -> bool:
    """Whether a burst of edges came complete."""
    with SimulatedPico({"bursts": [["PWR_SW1", 0, "LED_REC", _EDGES, period_us]]}) as simulated:
        rig = PicoRig(simulated.port)
        try:
            with rig.capture("LED_REC") as seen:
                rig.press("PWR_SW1", 5)
                rig.wait(_EDGES * period_us / 1000 + 300)
            return seen.complete and len(seen.edges) == _EDGES
        finally:
            rig.close()


def edges_per_s() -> float:
    """By bisection of the period between edges; 0 if not even the slowest comes through."""
    good_us, bad_us = 0, 10
    for _ in range(8):
        period_us = (good_us + bad_us) // 2 if good_us else bad_us * 2
        if captured(period_us):
            good_us = period_us
        else:
            bad_us = period_us
        if good_us and good_us - bad_us <= max(2, good_us // 20):
            break
    return 1e6 / good_us if good_us else 0.0


if __name__ == "__main__":
    print(f"{edges_per_s():.0f} edges a second captured without loss")
