"""What `fieldrec campaign` shows: one as it stands, a dry run, and bars that follow one to its end."""

import math
import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from tools.service import Service

ENDED = ("SUCCEEDED", "HALTED", "ABORTED")
FAILED = ("FAILED", "TIMED_OUT", "REJECTED")
LOOK_EVERY_S = 1.0
WORDS_SHOWN = 10


def line(campaign: dict) -> str:
    """Of a list."""
    made = f"{campaign['created_at'][:16].replace('T', ' ')} by {campaign['created_by']}"
    about = f"{campaign['id']:6} {campaign['status']:10} {campaign['name']} {campaign['version']}"
    return f"{about}  {made}  {campaign['reason']}".rstrip()


def whole(service: Service, campaign: dict) -> str:
    """How it stands, by group, and of what its jobs failed."""
    release = service.get(f"/v1/releases/{campaign['release']}")
    return "\n".join(
        [
            f"campaign {campaign['id']} {campaign['status']} {campaign['reason']}".rstrip(),
            f"  {release['name']} {release['version']} ({release['kind']}), digest {campaign['release']}",
            f"  made {campaign['created_at'][:19]}Z by {campaign['created_by']}{_approved(campaign)}",
            *map(_group, campaign["groups"]),
            *_failures(service, campaign),
        ]
    )


def _approved(campaign: dict) -> str:
    if not campaign["approvals"]:
        return ""
    by = ", ".join(each["who"] for each in campaign["approved"]) or "nobody"
    return f"; approved by {by}, {counted(campaign['approvals'], 'approval')} needed"


def _group(group: dict) -> str:
    counts = [f"{n} {status}" for status, n in sorted(group["jobs"].items())]
    more = [f"{group[name]} {words}" for name, words in _ASIDE.items() if group[name]]
    back = [f"{n} back {status}" for status, n in sorted(group["back"].items())]
    words = ", ".join([*counts, *more, *back])
    return f"  {group['name']:16} {group['status']:10} {group['size']:9} devices  {words}".rstrip()


_ASIDE = {"deferred": "put off by the device", "not_reached": "not there to be told"}


def _failures(service: Service, campaign: dict) -> list[str]:
    """A line for each words, of the first thousand jobs of each status."""
    said: Counter[tuple[str, str]] = Counter()
    like: dict[tuple[str, str], str] = {}
    for status in FAILED:
        if any(status in group["jobs"] for group in campaign["groups"]):
            for job in service.get(f"/v1/campaigns/{campaign['id']}/jobs", status=status)["jobs"]:
                words = status, job["detail"] or "without a word"
                said[words] += 1
                like.setdefault(words, job["device"])
    return [
        f"  {n:6} {status} {words} (like {like[status, words]})"
        for (status, words), n in said.most_common(WORDS_SHOWN)
    ]


def dry_run(answer: dict) -> str:
    who = f"{answer['release']} for {counted(answer['devices'], 'device')}"
    lines = [f"{who}, {counted(answer['approvals'], 'approval')} needed"]
    for group in answer["groups"]:
        hours = f", {group['hours']} h by its rate" if group["hours"] is not None else ""
        lines.append(f"  {group['name']:16} {group['size']:9} devices{hours}")
    if answer["not_in_a_group"]:
        lines.append(f"  {'in no group':16} {answer['not_in_a_group']:9} devices")
    for each in answer["left_out"]:
        lines.append(f"  {'left out':16} {each['devices']:9} devices: {each['why']} (like {each['example']})")
    return "\n".join(lines)


def counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def follow(service: Service, campaign: int, console: Console, within_s: float | None) -> dict:
    """The campaign once it has ended, or as it stands after `within_s`. Meanwhile bars; where there is no terminal, a
    line whenever something has changed.
    """
    deadline = time.monotonic() + (math.inf if within_s is None else within_s)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        status, said = progress.add_task("", words="", total=None, visible=False), ""
        while True:
            read = service.get(f"/v1/campaigns/{campaign}")
            words = _standing(read)
            progress.update(status, description=words, visible=read["status"] != "RUNNING")
            for group in read["groups"]:
                name, done = group["name"], group["jobs"].get("SUCCEEDED", 0)
                if name not in bars:
                    bars[name] = progress.add_task(name, words="", total=group["size"])
                progress.update(bars[name], total=group["size"], completed=done, words=_of(group))
                words += f"; {name} {done} of {group['size']}, {_of(group)}"
            if words != said and not console.is_terminal:
                console.print(words, soft_wrap=True, highlight=False, markup=False)
            said = words
            if read["status"] in ENDED or time.monotonic() >= deadline:
                progress.remove_task(status)
                return read
            time.sleep(LOOK_EVERY_S)  # the service can only be asked


def _standing(campaign: dict) -> str:
    if campaign["status"] == "PENDING":
        missing = campaign["approvals"] - len(campaign["approved"])
        return f"PENDING: waits for {counted(missing, 'approval')}"
    if campaign["status"] == "PAUSED":
        return f"PAUSED: {campaign['reason'] or 'by a person'}"
    return campaign["status"]


def _of(group: dict) -> str:
    failed = sum(group["jobs"].get(word, 0) for word in FAILED)
    return f"{failed} failed, {group['status']}"
