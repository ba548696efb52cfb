"""`python -m tools.api docs/api` writes what describes the interfaces; with `--check` it only says what is stale."""

import argparse
import json
import sys
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tools.api import asyncapi, openapi
from tools.api.endpoints import SERVICES


def texts() -> dict[str, str]:
    """{file name: what should be in it}."""
    made = {
        f"openapi-{service}.json": json.dumps(openapi.describe(service), indent=1, sort_keys=True) + "\n"
        for service in SERVICES
    }
    text = yaml.safe_dump(asyncapi.describe(), sort_keys=True, allow_unicode=True, width=110)
    return made | {"asyncapi.yaml": text, "schema.graphql": graphql()}


def graphql() -> str:
    from cloud.dashboard.schema.whole import schema

    return f"{schema.as_str()}\n"


def stale(folder: Path) -> list[str]:
    return [
        name
        for name, text in texts().items()
        if not (folder / name).exists() or (folder / name).read_text() != text
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.check:
        if old := stale(given.folder):
            sys.exit(f"not current: {', '.join(old)}; run: python -m tools.api {given.folder}")
        return
    given.folder.mkdir(exist_ok=True, parents=True)
    for name, text in texts().items():
        (given.folder / name).write_text(text)


if __name__ == "__main__":
    main()
