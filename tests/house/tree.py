"""The files of this repository, as the policy tests see them."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def tracked(pattern: str = "*") -> list[Path]:
    """Files that git keeps, and those not yet added that it doesn't ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in sorted(names) if name and (ROOT / name).is_file()]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(pattern: str = "*.py") -> list[tuple[str, ast.Module]]:
    """(name, syntax tree) of each Python file."""
    return [(name(path), ast.parse(path.read_text())) for path in tracked(pattern)]
