"""What a slot holds: the little of wire/frel that each start of a device needs. Runs on MicroPython and CPython."""

HASH_SIZE = 32
MAX_ENVELOPE = 32768  # and so of the manifest in it
RESERVED = ("manifest.json", "seal")  # what a slot holds beside the files


def folders_of(path):
    """["a", "a/b"] of "a/b/c.mpy": what must be there before the file can be."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
