"""What can go wrong with the hardware, as the code above sees it."""


class SensorError(Exception):
    """A measurement that can't be had or can't be true: a fault, never a number. The text names the part."""


class StorageError(Exception):
    """No storage to record on."""
