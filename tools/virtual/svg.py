"""A timing diagram as a picture: SVG that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tools.virtual.diagram import Diagram, Row, shown

_MARGIN, _COLUMN, _ROW, _HIGH = 90, 84, 30, 16  # in px: names, a column, a row, and a level
_STYLE = (
    "<style>text{font:11px monospace;fill:#222}.time{fill:#888}.grid{stroke:#ddd}.paper{fill:#fff}"
    ".wave{fill:none;stroke:#06c;stroke-width:1.5}.value{fill:#eef4fb;stroke:#06c}</style>"
)


def render(diagram: Diagram, style: str = _STYLE) -> str:
    """The rows, their columns' times above them, and the notes below. `style` "": the page around it has one."""
    width = _MARGIN + _COLUMN * len(diagram.columns_us) + 84
    bottom = _ROW * (len(diagram.rows) + 1)
    height = bottom + 10 + 16 * (len(diagram.notes) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        f'{style}<rect class="paper" width="{width}" height="{height}"/>',
        *_times(diagram, bottom),
    ]
    for number, row in enumerate(diagram.rows, 1):
        parts += _row(row, _ROW * number)
    for number, (t_us, note) in enumerate(diagram.notes, 1):
        parts.append(_text(10, bottom + 16 * number, f"{t_us / 1e6:.3f}  {note}"))
    return "\n".join([*parts, "</svg>", ""])


def _x(column: int) -> int:
    return _MARGIN + _COLUMN * column


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{f" class={kind!r}" if kind else ""}>{escape(text)}</text>'


def _times(diagram: Diagram, bottom: int) -> Iterator[str]:
    for column, t_us in enumerate([*diagram.columns_us, diagram.end_us]):
        yield _text(_x(column) + 3, 14, f"{t_us / 1e6:.3f} s", "time")
        yield f'<path class="grid" d="M{_x(column)} 4V{bottom}"/>'


def _row(row: Row, y: int) -> Iterator[str]:
    yield _text(10, y + _HIGH - 3, row.name)
    if row.kind == "bit":
        levels = [y if value else y + _HIGH for value in row.values]
        steps = "".join(f"V{level}H{_x(column + 1)}" for column, level in enumerate(levels))
        yield f'<path class="wave" d="M{_x(0)} {levels[0]}{steps}"/>'
        return
    for first, last in _spans(row.values):
        yield f'<rect class="value" x="{_x(first)}" y="{y}" width="{_x(last) - _x(first)}" height="{_HIGH}"/>'
        yield _text(_x(first) + 4, y + _HIGH - 4, shown(row.values[first]))


def _spans(values: list) -> Iterator[tuple[int, int]]:
    """(first column, column after the last) of each run of equal values."""
    starts = [i for i, value in enumerate(values) if not i or value != values[i - 1]]
    yield from zip(starts, [*starts[1:], len(values)], strict=True)
