"""What the update service is asked, and what is written to it, from the command line."""

from collections.abc import Iterator

from cloud import audit
from tools.service import Service

PAGE = 5_000


def audit_rows(service: Service) -> Iterator[dict]:
    """All sealed rows of the audit log, in the order of their chain."""
    yield from map(audit.as_read, service.pages("/v1/audit", "rows", first=0, limit=PAGE))


def group_of(text: str) -> dict:
    """`canary:5` is five devices, `rest:100%` a share of those that are left; behind a comma: NAME=VALUE.

    Values: soak_s, rate_per_min, success_threshold, error_threshold, window=22:00-04:00, and the words confirm,
    open_ended.
    """
    first, *options = text.split(",")
    name, _, size = first.partition(":")
    if not name or not size:
        raise ValueError(f"group {text!r} is not of the form NAME:COUNT or NAME:SHARE%")
    group: dict = {"name": name}
    if size.endswith("%"):
        group["share"] = float(_number(size[:-1], text)) / 100
    else:
        group["count"] = _number(size, text)
    for option in options:
        key, _, value = option.partition("=")
        if key == "window":
            start, _, end = value.partition("-")
            group[key] = {"start": start, "end": end}
        elif key in ("confirm", "open_ended"):
            group[key] = True
        else:
            group[key] = _number(value, text)
    return group


def _number(value: str, text: str) -> int | float:
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise ValueError(f"group {text!r}: {value!r} is no number") from None


def digest_of(service: Service, release: str) -> str:
    """Of a published release: its digest, the first eight or more characters of one, or NAME@VERSION."""
    if len(release) == 64:
        return release
    name, at, version = release.partition("@")
    found = service.get("/v1/releases")["releases"]
    if at:
        met = [each for each in found if (each["name"], each["version"]) == (name, version)]
    else:
        met = [each for each in found if len(release) >= 8 and each["digest"].startswith(release)]
    if len(met) != 1:
        what = f"{len(met)} published releases" if met else "no published release"
        raise ValueError(
            f"{release} is {what}; give a digest, or NAME@VERSION: `fieldrec release list` has both"
        )
    return met[0]["digest"]
