"""Versions by Semantic Versioning 2.0.0 (semver.org). Runs on MicroPython and CPython."""

MAX_LENGTH = 64
_IDENTIFIER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"


def parse(text):
    """A tuple that compares as versions do (build metadata left out); ValueError if it is no version."""
    if type(text) is not str or len(text) > MAX_LENGTH:
        raise ValueError(f"not a version: {repr(text)[:80]}")
    version, plus, build = text.partition("+")
    core, dash, pre = version.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(_is_number(n) for n in numbers) or (plus and not _are_words(build)):
        raise ValueError(f"not a version like 1.2.3: {text}")
    if dash and not (_are_words(pre) and all(_is_number(n) for n in pre.split(".") if _is_digits(n))):
        raise ValueError(f"not a pre-release like 1.2.3-rc.1: {text}")
    major, minor, patch = (int(n) for n in numbers)
    return major, minor, patch, not dash, tuple(_rank(part) for part in pre.split(".")) if dash else ()


def _rank(part):
    """Numbers compare as numbers, and below words (section 11.4)."""
    return (0, int(part)) if _is_digits(part) else (1, part)


def _is_digits(part):
    return part != "" and all(c in "0123456789" for c in part)


def _is_number(part):
    return _is_digits(part) and (part == "0" or part[0] != "0")


def _are_words(text):
    return all(part != "" and all(c in _IDENTIFIER for c in part) for part in text.split("."))
