"""Reading small files of the flash."""

import os


def read(path, most):
    """The first `most` bytes of a file; OSError. MicroPython's `read(n)` allocates n at once, so n is what is there."""
    with open(path, "rb") as file:
        return file.read(min(most, os.stat(path)[6]))
