r"""A contact's presses out of its edges: bounce of up to 20 ms, in either direction, makes none shorter or longer.

    level  ‾‾‾‾\_/‾\______________________/‾\_/‾‾‾‾‾‾‾‾‾
    down       |<------------ held ------->|
               first edge of the press      first edge of the release

A change counts from its first edge, once the contact has stayed there for 20 ms without a break.
"""

from time import ticks_diff

from micropython import const

BOUNCE_MS = const(20)


class Debouncer:
    """`down` and `since_ms` (ticks) tell the state; `leaving_ms` is when an edge away from it came, or None.

    `raw` is the contact as last seen.
    """

    def __init__(self, down, since_ms):
        self.down = down
        self.since_ms = since_ms
        self.leaving_ms = None
        self.raw = down
        self._raw_ms = since_ms

    def edge(self, down, at_ms):
        """An edge was seen; returns the change that was settled before it, as `settle` does."""
        change = self.settle(at_ms)
        if down != self.raw:
            self.raw, self._raw_ms = down, at_ms
            if down != self.down and self.leaving_ms is None:
                self.leaving_ms = at_ms
        return change

    def settle(self, now_ms):
        """If the contact has been quiet for long enough: ("down" | "up", ticks of its first edge, held ms)."""
        if self.leaving_ms is None or ticks_diff(now_ms, self._raw_ms) < BOUNCE_MS:
            return None
        first_ms, self.leaving_ms = self.leaving_ms, None
        if self.raw == self.down:
            return None  # it bounced, and came back
        held_ms = ticks_diff(first_ms, self.since_ms)
        self.down, self.since_ms = self.raw, first_ms
        return ("down" if self.down else "up", first_ms, held_ms)
