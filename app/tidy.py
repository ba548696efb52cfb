"""Memory in one piece: MicroPython moves nothing, so what stays must not lie strewn among what does not."""

import gc

from micropython import const

_PIECE = const(8192)  # bytes: more often costs time, and saves little


class Tidy:
    """While this lasts, a collection after each 8 KB taken: for loading, and for work that needs much at once."""

    def __enter__(self):
        gc.collect()
        gc.threshold(_PIECE)

    def __exit__(self, *_):
        gc.threshold(-1)
