"""What to do with each chunk of a release. Pure: no file, no network."""

from micropython import const

from wire import frel

HAVE = const(0)  # the spare slot holds it, where it belongs
COPY = const(1)  # the running slot holds it, in the same file at the same place
FETCH = const(2)


class Layout:
    """Where chunk n of a release lies. A chunk never crosses a file (wire/frel)."""

    def __init__(self, files):
        self._files = []  # (number of its first chunk, file), files without a chunk left out
        self.count = 0
        for file in files:
            if file["size"]:
                self._files.append((self.count, file))
                self.count += (file["size"] + frel.CHUNK - 1) // frel.CHUNK

    def at(self, number):
        """(file of the manifest, offset in it, length) of a chunk."""
        first, file = self._file_of(number)
        offset = (number - first) * frel.CHUNK
        return file, offset, min(frel.CHUNK, file["size"] - offset)

    def span(self, first, end):
        """(start, end) in the payload of the chunks from `first` to before `end`."""
        file, offset, _ = self.at(first)
        last_file, last_offset, length = self.at(end - 1)
        return file["offset"] + offset, last_file["offset"] + last_offset + length

    def _file_of(self, number):
        low, high = 0, len(self._files)
        while high - low > 1:
            middle = (low + high) // 2
            if self._files[middle][0] <= number:
                low = middle
            else:
                high = middle
        return self._files[low]


def runs(states):
    """(state, first, end) of each stretch of chunks with the same state, in order."""
    first = 0
    for number in range(1, len(states) + 1):
        if number == len(states) or states[number] != states[first]:
            yield states[first], first, number
            first = number


def hash_of(index, number):
    """The SHA-256 that the chunk must have."""
    return index[number * frel.HASH_SIZE : (number + 1) * frel.HASH_SIZE]
