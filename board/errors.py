"""What can go wrong with the hardware, as the code above sees it."""


class SensorError(Exception):
    """A measurement that can't be had or can't be true: a fault, never a number. The text names the part.

    `code` is its row in `board/faults.py`, and the text begins with it.
    """

    def __init__(self, text, code=""):
        super().__init__(text)
        self.code = code


class StorageError(Exception):
    """No storage to record on."""
