"""Run by test_http.py inside MicroPython: one call, its outcome as a line of JSON."""

import asyncio
import json
import sys

from app import http, link, tls


async def main(ca, timeout_ms, url, what, *numbers):
    with open(ca, "rb") as file:
        client = http.Client(tls.context(file.read()), int(timeout_ms))
    try:
        return await _WHAT[what](client, url, *[int(number) for number in numbers])
    except (link.LinkError, http.HttpError) as error:
        return {"error": type(error).__name__, "words": str(error), "open": client._link is not None}
    finally:
        await client.close()


async def call(client, url):
    status, value = await client.call("POST", url, {"hello": "cloud"})
    return {"status": status, "value": value}


async def range_of(client, url, *bounds):
    """Each pair of bounds is one request, over one connection; 100 bytes at a time."""
    parts, view = [], memoryview(bytearray(100))
    for number in range(0, len(bounds), 2):
        start, end = bounds[number], bounds[number + 1]
        response = await client.get_range(url, start, end)
        size = 0
        while size < end - start:
            piece = view[: min(100, end - start - size)]
            await response.fill(piece)
            size += len(piece)
            parts.append(bytes(piece))
        await response.end()
    return {"body": b"".join(parts).decode()}


_WHAT = {"call": call, "range": range_of}
print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
