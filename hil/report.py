"""`hil-report.html`: one page that needs nothing beside it: what was measured against what is allowed, and tests."""

from __future__ import annotations

from html import escape
from pathlib import Path

from hil import charts, trends
from hil.record import INCONCLUSIVE, PASSED, SKIPPED, Case, Run

_STYLE = Path(__file__).with_name("report.css")
_HEADS = (
    "threshold",
    "nominal",
    "allowed",
    "min",
    "median",
    "max",
    "uncertainty",
    "margin",
    "",
    "last runs",
    "verdict",
)


_LEGEND = (
    "The band is what is allowed, the line within it the nominal value, the bar what was found, with its uncertainty. "
    "A limit within the uncertainty makes the verdict inconclusive, which is no pass."
)


def page(run: Run, before: list[dict]) -> str:
    """`before`: the runs before it on this rig, as hil.trends keeps them."""
    title = f"Rig {run.rig}"
    return "\n".join([
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}: {_words(run)}</title>", f"<style>{_STYLE.read_text()}</style>",
        "</head>", "<body>", "<main>",
        f"<h1>{escape(title)}</h1>", _summary(run, before), _rig(run), _table(run, before), _tests(run),
        "</main>", "</body>", "</html>", "",
    ])  # fmt: skip


def _words(run: Run) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in run.counts().items())


def _chip(outcome: str, number: int | str = "") -> str:
    kind = {"PASS": PASSED, "FAIL": "device fault"}.get(outcome, outcome.lower()).replace(" ", "-")
    return f'<span class="chip {kind}">{number} {escape(outcome)}</span>'


def _summary(run: Run, before: list[dict]) -> str:
    chips = " ".join(_chip(outcome, number) for outcome, number in run.counts().items())
    times = [entry["seconds"] for entry in before] + [round(run.seconds, 1)]
    when = run.started.strftime("%Y-%m-%d %H:%M UTC")
    spark = charts.sparkline(times) if len(times) > 1 else ""
    return (
        f'<p class="summary">{chips}<span class="when">{when} &middot; {run.seconds:.0f} s {spark}</span></p>'
    )


# -- the rig


def _rig(run: Run) -> str:
    facts = {"back-end": run.backend, **run.stamp}
    if run.self_test:
        test = run.self_test
        facts["loopback"] = f"{test['measured_us'] / 1000:.4f} ms of {test['nominal_us'] / 1000:g} ms"
    else:
        facts["loopback"] = "none on this rig"
    facts["can"] = ", ".join(run.capabilities)
    items = "".join(f"<dt>{escape(_named(k))}</dt><dd>{escape(_shown(v))}</dd>" for k, v in facts.items())
    return f'<section><h2>The rig</h2><dl class="facts">{items}</dl></section>'


def _named(key: str) -> str:
    """`drift_uncertainty_ppm` as a person would write it."""
    words = key.split("_")
    unit = words.pop() if len(words) > 1 and words[-1] in ("us", "ms", "ppm", "mv") else ""
    return " ".join(words) + (f" [{unit}]" if unit else "")


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# -- thresholds


def _table(run: Run, before: list[dict]) -> str:
    rows = "".join(_row(row, before) for row in run.thresholds)
    if not rows:
        return ""
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    return (
        f'<section><h2>Thresholds</h2><p class="note">{_LEGEND}</p>'
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _row(row: dict, before: list[dict]) -> str:
    head = f"<td class='name'>{escape(row['name'])}<small>{escape(row['spec'])}</small></td>"
    limits = _limits(row["low"], row["high"])
    if "median" not in row:
        empty = f"<td>{row['nominal']:g}</td><td>{limits}</td>" + "<td></td>" * 7
        return f"<tr>{head}{empty}<td>{_chip(row['verdict'])}</td></tr>"
    numbers = [_number(row[key]) for key in ("min", "median", "max")]
    numbers += [f"&plusmn;{_number(row['uncertainty'])}", _number(row["margin"])]
    history = trends.of(before, row["name"])
    spark = charts.sparkline([*history, row["median"]][-20:]) if history else "<small>first run</small>"
    cells = [f"{row['nominal']:g}&nbsp;{escape(row['unit'])}", limits, *numbers]
    drawn = f"<td class='chart'>{charts.limits(row)}</td><td class='chart'>{spark}</td><td>{_chip(row['verdict'])}</td>"
    return f"<tr>{head}{''.join(f'<td>{cell}</td>' for cell in cells)}{drawn}</tr>"


def _limits(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"&ge;&nbsp;{low:g}" if high is None else f"&le;&nbsp;{high:g}"
    return f"{low:g}&nbsp;&ndash;&nbsp;{high:g}"


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 100 else f"{value:.2f}".rstrip("0").rstrip(".")


# -- tests


def _tests(run: Run) -> str:
    """Those that ask for attention are open."""
    return f"<section><h2>Tests</h2>{''.join(_case(case) for case in run.cases)}</section>"


def _case(case: Case) -> str:
    file, _, name = case.name.partition("::")
    is_open = "" if case.outcome in (PASSED, SKIPPED, INCONCLUSIVE) else " open"
    parts = [f"<p>{escape(case.title)}</p>"] if case.title else []
    if case.text:
        parts.append(f'<pre class="text">{escape(case.text)}</pre>')
    if case.picture:
        parts.append(f'<div class="diagram wide">{case.picture}</div>')
    if case.log:
        log = escape("\n".join(case.log))
        parts.append(f"<details><summary>log of the device</summary><pre>{log}</pre></details>")
    return (
        f'<details class="case"{is_open}><summary>{_chip(case.outcome)} <span class="name">{escape(name)}</span>'
        f"<small>{escape(file)}, {case.seconds:.2f} s</small></summary>{''.join(parts)}</details>"
    )
