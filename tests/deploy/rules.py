"""What a migration may do while programs of the version before go on: expand first, contract later."""

import re
from pathlib import Path

from cloud.db import oldest

BEGAN = 7  # those before were applied with all services stopped

_NO_DEFAULT = r"(?:(?!\bDEFAULT\b)[^,;])*"

# what takes something away from a program that goes on, or refuses what it writes
_CONTRACTS = {
    "a table is dropped": r"\bDROP\s+TABLE\b",
    "a column is dropped": r"\bDROP\s+COLUMN\b",
    "a view is dropped": r"\bDROP\s+VIEW\b",
    "a function is dropped": r"\bDROP\s+FUNCTION\b",
    "something is renamed": r"\bRENAME\b",
    "a column gets another type": r"\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b",
    "a column must not be null any more": r"\bSET\s+NOT\s+NULL\b",
    "a default is gone": r"\bDROP\s+DEFAULT\b",
    "a new column has to be filled": rf"\bADD\s+COLUMN\s+{_NO_DEFAULT}\bNOT\s+NULL\b{_NO_DEFAULT}(?=[,;])",
    "a table gets a constraint": r"\bADD\s+(CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY)\b(?![^;]*NOT\s+VALID)",
}
_UNIQUE = r"\bCREATE\s+UNIQUE\s+INDEX\s+\S+\s+ON\s+(\w+)"
_CREATED = r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)"


def contracts(sql: str) -> list[str]:
    """What in it would harm a program of the version before."""
    code = re.sub(r"--[^\n]*", "", sql)
    found = [words for words, pattern in _CONTRACTS.items() if re.search(pattern, code, re.IGNORECASE)]
    new = set(re.findall(_CREATED, code, re.IGNORECASE))
    old = [table for table in re.findall(_UNIQUE, code, re.IGNORECASE) if table not in new]
    return found + [f"what is in {table} has to be unique" for table in old]


def broken(path: Path) -> list[str]:
    """How a migration breaks the rule; nothing for one that begins with the line it has to begin with."""
    version, harm = int(path.name[:4]), contracts(path.read_text())
    if version < BEGAN:
        return []
    if oldest(path) >= version and not harm:
        return [f"{path.name} only adds: begin it with `-- oldest: {version - 1:04}`"]
    if oldest(path) < version and harm:
        return [f"{path.name} says that older programs go on, but {words}" for words in harm]
    return []
