"""Parsers at fault in each of the ways that the driver has to find. Inside MicroPython."""

import uctypes  # type: ignore[import-not-found]

_kept = [None]


def always_wrong(data):
    return {"a": 1}[7]  # type: ignore[index]


def hangs(data):
    while data[0] & 1:
        pass


def keeps(data):
    _kept[0] = (_kept[0], bytes(40))  # type: ignore[call-overload]


def crashes(data):
    return uctypes.bytearray_at(0, 8)[0]


PLANTED = {
    name: (function, "bytes", ())
    for name, function in (("wrong", always_wrong), ("hangs", hangs), ("keeps", keeps), ("crashes", crashes))
}
