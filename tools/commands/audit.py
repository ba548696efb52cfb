"""`fieldrec cloud audit`."""

from typing import Annotated

import typer

from tools.commands.errors import explained
from tools.commands.where import HERE, Ca, Data, Token, Url, asking

app = typer.Typer(name="audit", no_args_is_help=True, help="The log of who did what, when and why.")


@app.command()
def verify(
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    expect: Annotated[str | None, typer.Option(help="NUMBER:HASH of a row, as it was noted before.")] = None,
) -> None:
    """Compute the chain of the audit log anew; exit code 1 if a row was changed, moved or lost."""
    from cloud import audit
    from tools.ota import audit_rows

    with explained(audit.ChainBroken), asking("ota", data, url, ca, token) as service:
        number, last = 0, audit.START
        noted, known = _noted(expect) if expect else (0, "")
        met = not expect
        for row in audit_rows(service):
            number, last = audit.check([row], number, last)
            if number == noted:
                met = last.hex() == known
        if noted > number:
            raise audit.ChainBroken(
                f"row {noted} of the chain is missing: it has been cut behind row {number}"
            )
        if not met:
            raise audit.ChainBroken(f"row {noted} does not have the hash {known}: the chain was made anew")
    typer.echo(f"{number} rows, unbroken; note this: --expect {number}:{last.hex()}")


def _noted(text: str) -> tuple[int, str]:
    number, _, known = text.partition(":")
    if not number.isdecimal() or len(known) != 64:
        raise ValueError(f"--expect {text!r} is not NUMBER:HASH, as this command printed it before")
    return int(number), known
