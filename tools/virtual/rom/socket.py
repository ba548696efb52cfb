"""`socket` of the virtual board: the host's own, for as long as the world's link is up."""

import sim
import usocket as _host
from usocket import *  # noqa: F403  # all but what is changed below


def getaddrinfo(host, port, *args):
    if not sim.world.link:
        raise OSError(-2)  # name can't be resolved
    return _host.getaddrinfo(host, port, *args)
