"""Loopback ports for the embedded broker.

They are taken from below the range that the system hands out to outgoing connections (Linux: from 32768): there, a
client that keeps trying a closed loopback port can be given that very port, connect to itself and hold it.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

_LOWEST, _HIGHEST = 20000, 29999
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server may listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int | None = None, *, avoid: Collection[int] = ()) -> int:
    """`preferred` if it is free, else a random free one. Raises `OSError` if none is found."""
    if preferred is not None and preferred not in avoid and is_free(preferred):
        return preferred
    for port in random.sample(range(_LOWEST, _HIGHEST + 1), _TRIES):
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port on 127.0.0.1 between {_LOWEST} and {_HIGHEST}")
