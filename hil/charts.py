"""Small SVG pictures for a table's cells; colours come from the page around them."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT = 120, 18
_PAD = 4


def limits(row: dict) -> str:
    """What is allowed as a band, the nominal value as a line, what was found as a bar with its uncertainty."""
    found = (row["min"] - row["uncertainty"], row["max"] + row["uncertainty"])
    ends = [row["low"], row["high"], row["nominal"], *found]
    known = [end for end in ends if end is not None]
    least, most = min(known), max(known)
    span = (most - least) or 1.0

    def x(value: float) -> float:
        return round(_PAD + (value - least) / span * (_WIDTH - 2 * _PAD), 1)

    low = x(row["low"]) if row["low"] is not None else 0
    high = x(row["high"]) if row["high"] is not None else _WIDTH
    left, right = x(found[0]), x(found[1])
    bar = f'<rect class="found" x="{left}" y="6" width="{max(2.0, right - left):.1f}" height="6" rx="1"/>'
    return _svg(
        f'<rect class="allowed" x="{low}" y="2" width="{high - low:.1f}" height="14" rx="2"/>'
        f'<path class="nominal" d="M{x(row["nominal"])} 1V17"/>{bar}',
        f"{row['median']:g} {row['unit']}, allowed {row['low']} to {row['high']}",
    )


def sparkline(values: Sequence[float]) -> str:
    """The last value, marked, after those before it."""
    least, span = min(values), (max(values) - min(values)) or 1.0
    step = (_WIDTH - 2 * _PAD) / max(1, len(values) - 1)
    flat = max(values) == min(values)
    points = [
        (
            _PAD + i * step,
            _HEIGHT / 2 if flat else _HEIGHT - _PAD - (value - least) / span * (_HEIGHT - 2 * _PAD),
        )
        for i, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return _svg(
        f'<polyline class="trend" points="{line}"/><circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>',
        f"{len(values)} runs, {min(values):g} to {max(values):g}",
    )


def _svg(content: str, title: str) -> str:
    return (
        f'<svg class="small" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{title}</title>{content}</svg>"
    )
