"""Whose servers are believed: those of public authorities, and those of our own."""

import functools
import ssl
from pathlib import Path


@functools.cache  # reading those of the public ones takes 20 ms
def context(ca: Path) -> ssl.SSLContext:
    """For a client of a store, whose certificate may be from either."""
    made = ssl.create_default_context()
    made.load_verify_locations(ca)
    return made
