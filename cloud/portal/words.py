"""How values are said: times, sizes, numbers, and the tone of each state."""

import json
from datetime import UTC, datetime

from markupsafe import Markup, escape

NOTHING = "\N{EN DASH}"

TONES = {
    "good": "IDLE SUCCEEDED PROMOTED online release.promoted command.SUCCEEDED job.SUCCEEDED campaign.SUCCEEDED"
    " campaign.approved boot",
    "bad": "RECORD FAILED HALTED REJECTED fault safety command.FAILED job.FAILED campaign.HALTED device.revoked"
    " device.decommissioned release.withdrawn",
    "warn": "PAUSED TIMED_OUT PENDING RECOVERY WITHDRAWN deferred campaign.PAUSED job.TIMED_OUT",
    "info": "RUNNING IN_PROGRESS SENT update job campaign.created campaign.RUNNING release.published",
    "violet": "SPL transition command command.asked device.marked device.config",
    "orange": "DISCHARGE audit",
}
_TONE = {word: tone for tone, said in TONES.items() for word in said.split()}


def tone(word: str | None) -> str:
    return _TONE.get(word or "", "calm")


def human(word: str) -> str:
    """`IN_PROGRESS` as `In progress`."""
    return word.replace("_", " ").capitalize()


def number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def size(value: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024  # type: ignore[assignment]
    return f"{value:.1f} GiB"


def span(seconds: float) -> str:
    """The largest unit alone: 45 s, 12 min, 3 h, 5 d."""
    for limit, unit, length in ((90, "s", 1), (5400, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def ago(text: str | None) -> Markup:
    """`3 min ago` or `in 2 h`, with the whole time in UTC for whoever points at it."""
    if not text:
        return Markup(f'<span class="dim">{NOTHING}</span>')
    at = moment(text)
    past = (datetime.now(UTC) - at).total_seconds()
    said = "now" if abs(past) < 2 else f"{span(past)} ago" if past > 0 else f"in {span(-past)}"
    whole = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, whole, said)


def clock(text: str) -> Markup:
    at = moment(text).astimezone(UTC)
    words = at.strftime("%d %b %H:%M:%S")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        text, at.strftime("%Y-%m-%d %H:%M:%S UTC"), words
    )


def state(word: str | None, going: bool = False) -> Markup:
    """Of a device. One that has sent no heartbeat since states are kept has none."""
    return pill(word, going) if word else Markup('<span class="dim nowrap">no word yet</span>')


def pill(word: str | None, going: bool = False) -> Markup:
    if not word:
        return Markup(f'<span class="dim">{NOTHING}</span>')
    return Markup('<span class="pill{}" data-tone="{}">{}</span>').format(
        " going" if going else "",
        tone(word),
        word if word.isupper() and len(word) < 10 and word in _STATES else human(word),
    )


_STATES = {"IDLE", "RECORD", "DISCHARGE", "OFF", "SPL", "RECOVERY"}


def value(said: object) -> str:
    """A setting, or what a change was from or to."""
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def changed(before: object, after: object) -> str:
    """What a change was from and to: of two objects, only the parts that differ."""
    if before is None and after is None:
        return ""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return ", ".join(
            f"{name} {_or_nothing(before.get(name))} → {_or_nothing(after.get(name))}" for name in names
        )
    if before is None and isinstance(after, dict):
        return ", ".join(
            f"{name} {value(said)}" for name, said in after.items() if said not in (None, {}, [])
        )
    return f"{_or_nothing(before)} → {_or_nothing(after)}"


def _or_nothing(said: object) -> str:
    return NOTHING if said is None else value(said)


def icon(name: str) -> Markup:
    return Markup('<i class="icon" aria-hidden="true">{}</i>').format(escape(name))


FILTERS = {
    "human": human, "num": number, "size": size, "ago": ago, "clock": clock, "pill": pill, "said": value, "icon": icon,
    "span": span, "state": state,
}  # fmt: skip
