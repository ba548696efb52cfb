"""Bytes in the order in which they came, in a buffer made once; the oldest give way when it is full."""


class Ring:
    def __init__(self, size, wanted=0):
        """`wanted`: how large it should have been."""
        self.wanted = wanted
        self._data = memoryview(bytearray(size))
        self._first = 0
        self.count = 0

    @property
    def size(self):
        return len(self._data)

    def put(self, view):
        """Add bytes, not more than there is room for in all."""
        at = (self._first + self.count) % self.size
        part = min(len(view), self.size - at)
        self._data[at : at + part] = view[:part]
        self._data[: len(view) - part] = view[part:]
        self.count += len(view)
        if self.count > self.size:
            self.drop(self.count - self.size)

    def drop(self, count):
        """Forget the oldest."""
        self._first = (self._first + count) % self.size
        self.count -= count

    def take(self, most):
        """A view of the oldest bytes, as many as lie together and `most` at most; they are taken out."""
        part = min(most, self.count, self.size - self._first)
        view = self._data[self._first : self._first + part]
        self.drop(part)
        return view
