"""Everything the portal asks of the API, read from operations.graphql: each operation with the fragments it needs."""

from pathlib import Path

from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, print_ast

SOURCE = (Path(__file__).parent / "operations.graphql").read_text()


def _read(source: str) -> dict[str, str]:
    """{name of the operation: its document}."""
    parts = parse(source).definitions
    fragments = {
        part.name.value: print_ast(part) for part in parts if isinstance(part, FragmentDefinitionNode)
    }
    found = {}
    for part in parts:
        if isinstance(part, OperationDefinitionNode) and part.name:
            text = print_ast(part)
            used = [fragment for name, fragment in fragments.items() if f"...{name}\n" in text]
            found[part.name.value] = "\n".join([text, *used])
    return found


QUERIES = _read(SOURCE)
