"""Which cloud a command talks to: the options of it, the same ones everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from tools.commands.errors import explained

if TYPE_CHECKING:
    from tools.service import Service

Data = Annotated[Path, typer.Option(help="Data folder of a cloud that runs on this machine.")]
Url = Annotated[
    str | None, typer.Option(help="Address of the service of another cloud; with --ca and --token.")
]
Ca = Annotated[Path | None, typer.Option(help="Its CA certificate, PEM.")]
Token = Annotated[str | None, typer.Option(help="Access token.", envvar="FIELDREC_TOKEN")]
HERE = Path(".fieldrec")
_OPTIONS = ("--data", "--url", "--ca", "--token")


class Group(TyperGroup):
    """A group with `given` as its callback: the four options may stand before the command or behind it."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _in_front(args))


def _in_front(words: list[str]) -> list[str]:
    """The four options and their values first, the rest as it was; what is behind `--` is left alone."""
    found: list[str] = []
    rest: list[str] = []
    left = list(words)
    while left and left[0] != "--":
        word = left.pop(0)
        option, equals, _ = word.partition("=")
        part = found if option in _OPTIONS else rest
        part.append(word)
        if part is found and not equals and left:
            found.append(left.pop(0))
    return found + rest + left


def given(
    context: typer.Context, data: Data = HERE, url: Url = None, ca: Ca = None, token: Token = None
) -> None:
    context.obj = (data, url, ca, token)


@contextmanager
def asking(name: str, *where) -> Iterator["Service"]:
    """`where`: values of the four options."""
    from tools.service import ServiceError, Where, opened

    with explained(ServiceError), opened(Where(name, *where)) as found:
        yield found


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name, value
