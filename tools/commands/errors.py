"""How commands fail: one line in words, exit code 1, no traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def explained(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what a user can mend (bad values, files, and `kinds`) into its message; a bug keeps its trace."""
    mendable: tuple[type[Exception], ...] = (ValueError, OSError, *kinds)
    try:
        yield
    except BrokenPipeError:  # who read the output has enough, like `| head`; nor may closing it complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except mendable as error:
        typer.echo(f"error: {_words(error)}", err=True)
        raise typer.Exit(1) from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
