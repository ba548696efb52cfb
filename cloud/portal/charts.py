"""Charts as SVG and HTML that style sheets colour. Each says in words what it shows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from cloud.portal.words import moment, number, tone

Tones = Sequence[tuple[int, str]]  # (from, tone)


def histogram(
    bins: Sequence[dict], least: tuple[int, int], step: int, name: str, unit: str, tones: Tones
) -> Markup:
    """`bins` of {low, high, devices}, some of them left out; at least the range `least` is shown."""
    if not bins:
        return Markup('<p class="dim small">No device has said yet.</p>')
    counts = {each["low"]: each["devices"] for each in bins}
    first, end = min(least[0], *counts), max(least[1], *(low + step for low in counts))
    most = max(counts.values()) or 1
    drawn = [
        Markup('<div class="columns" role="img" aria-label="{}">').format(_said(bins, name, unit)),
        *(_column(low, low + step, counts.get(low, 0), most, unit, tones) for low in range(first, end, step)),
        Markup('</div><div class="marks" aria-hidden="true">'),
    ]
    marks = range(first, end + 1, step * max(1, round((end - first) / step / 5)))
    drawn += [
        Markup('<span style="left:{:.1f}%">{}</span>').format(100 * (at - first) / (end - first), at)
        for at in (*(each for each in marks if each < end), end)
    ]
    return Markup("").join([*drawn, Markup("</div>")])


def _column(low: int, high: int, devices: int, most: int, unit: str, tones: Tones) -> Markup:
    """It has the tone of the last of `tones` that it reaches, and can be seen if there is one device alone."""
    shade = ([shade for start, shade in tones if low >= start] or [tones[0][1]])[-1]
    height = max(3.0, 100 * devices / most) if devices else 0.0
    return Markup('<i data-tone="{}" style="height:{:.1f}%" title="{} to {} {}: {}"></i>').format(
        shade, height, low, high, unit, number(devices)
    )


def _said(bins: Sequence[dict], name: str, unit: str) -> str:
    return f"{name}: " + ", ".join(
        f"{each['low']} to {each['high']} {unit} {each['devices']}" for each in bins if each["devices"]
    )


def spread(
    points: Sequence[dict],
    field: str,
    name: str,
    unit: str,
    scale: float,
    least: tuple[float, float],
    shade: str,
    limits: Sequence[float] = (),
) -> Markup:
    """A line over the time of `points`; `least` is the range that is shown at least."""
    known = [(moment(each["at"]), each[field] * scale) for each in points if each[field] is not None]
    if len(known) < 2:
        return Markup('<p class="dim small">Not heard of often enough in this time.</p>')
    low = min(least[0], *(value for _, value in known))
    high = max(least[1], *(value for _, value in known))
    pad = (high - low) * 0.06
    low, high = low - pad, high + pad
    begin, end = moment(points[0]["at"]), moment(points[-1]["at"])
    length = (end - begin).total_seconds() or 1.0

    def x(at: datetime) -> float:
        return 1000 * (at - begin).total_seconds() / length

    def y(value: float) -> float:
        return 100 * (high - value) / (high - low)

    line = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in known)
    last = known[-1][1]
    words = f"{name}: {min(v for _, v in known):.1f} to {max(v for _, v in known):.1f} {unit}, now {last:.1f} {unit}"
    drawn = [
        Markup(
            '<div class="plot" data-tone="{}"><svg viewBox="0 0 1000 100" preserveAspectRatio="none"'
            ' class="chart" role="img" aria-label="{}">'
        ).format(shade, words)
    ]
    ticks = _ticks(low, high)
    drawn += [
        Markup('<path class="axis" d="M0 {0:.1f}H1000" vector-effect="non-scaling-stroke"/>').format(y(t))
        for t in ticks
    ]
    drawn += [
        Markup('<path class="limit" d="M0 {0:.1f}H1000"/>').format(y(each))
        for each in limits
        if low < each < high
    ]
    drawn.append(
        Markup(
            '<path class="area" d="M{1:.1f} 100L{0}L{2:.1f} 100Z"/><path class="line" d="M{0}"/></svg>'
        ).format(line, x(known[0][0]), x(known[-1][0]))
    )
    drawn += [
        Markup('<span class="y" style="top:{:.1f}px">{:g}</span>').format(6 + 1.5 * y(t), t) for t in ticks
    ]
    for i in range(5):
        at = begin + (end - begin) * i / 4
        text = at.astimezone(UTC).strftime("%H:%M" if length < 172_800 else "%d %b")
        drawn.append(
            Markup('<span class="x" style="left:calc(40px + (100% - 40px) * {:.2f})">{}</span>').format(
                i / 4 if 0 < i < 4 else 0.03 if i == 0 else 0.97, text
            )
        )
    drawn.append(Markup("</div>"))
    return Markup("").join(drawn)


def _ticks(low: float, high: float) -> list[float]:
    for step in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100):
        if (high - low) / step <= 5:
            break
    first = int(low / step) + (low > 0)
    return [round(i * step, 2) for i in range(first, first + 7) if low <= i * step <= high]


def states(points: Sequence[dict]) -> Markup:
    """The states a device was in, one after another."""
    spans: list[list] = []
    for each in points:
        if spans and spans[-1][0] == each["state"]:
            spans[-1][1] += 1
        else:
            spans.append([each["state"], 1])
    total = len(points) or 1
    words = ", ".join(state for state, _ in spans[-12:])
    parts = [Markup('<div class="band" role="img" aria-label="States, the last ones: {}">').format(words)]
    for state, n in spans:
        share = 100 * n / total
        parts.append(
            Markup('<i data-tone="{}" style="width:{:.2f}%" class="{}" title="{}">{}</i>').format(
                tone(state), share, "few" if share < 7 else "", state, state
            )
        )
    return Markup("").join([*parts, Markup("</div>")])


def bar(parts: Sequence[tuple[str, int, str]], total: int, name: str, thick: bool = False) -> Markup:
    """A bar of (word, how many, tone), out of `total`."""
    shown = [(word, n, shade) for word, n, shade in parts if n]
    words = ", ".join(f"{number(n)} {word}" for word, n, _ in shown) or "nothing yet"
    drawn = [
        Markup('<div class="bar{}" role="img" aria-label="{}: {} of {}">').format(
            " thick" if thick else "", name, words, number(total)
        )
    ]
    for word, n, shade in parts:
        share = 100 * n / total if total else 0
        drawn.append(
            Markup(
                '<i data-tone="{}" data-key="{}" style="width:{:.3f}%" class="{}" title="{} {}"></i>'
            ).format(shade, word, share, "striped" if shade == "info" else "", number(n), word)
        )
    return Markup("").join([*drawn, Markup("</div>")])
