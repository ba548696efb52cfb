"""`socket` of the virtual board: the host's own, for as long as the world's link is up.

What the board serves on all its addresses is served on the host's loopback, at the port that the supervisor has
taken for it.
"""

import sim
import usocket as _host
from usocket import *  # noqa: F403  # all but what is changed below

_EVERYWHERE = "0.0.0.0"


def getaddrinfo(host, port, *args):
    if host == _EVERYWHERE:
        there = sim.config["port"]
        sim.tell(ev="serves", port=port, at=there)
        return _host.getaddrinfo("127.0.0.1", there)
    if not sim.world.link:
        raise OSError(-2)  # name can't be resolved
    return _host.getaddrinfo(host, port, *args)
