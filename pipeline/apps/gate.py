"""The last look before a request leaves.

Between a caller's own look and the first byte on the wire seconds may pass: for a connection, for TLS, for a process
that is put to sleep. And up to Python 3.11 aiohttp writes a request with a body in a task of its own, a turn of the
event loop later. So the gate is asked again where the bytes are written: between its answer and the socket there is no
other `await`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

Gate = Callable[[], bool]


class Withheld(Exception):
    """The gate was shut when the request could have left: no byte of it did."""


def gated_request(gate: Gate) -> type[aiohttp.ClientRequest]:
    """For `aiohttp.ClientSession(request_class=...)`: requests raise `Withheld` where `gate` says no."""

    class GatedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            if not gate():
                raise Withheld
            return await super().send(conn)

        async def write_bytes(self, writer: Any, conn: Any, *more: Any) -> None:
            if gate():
                await super().write_bytes(writer, conn, *more)
            else:
                # The head is still with the writer; whoever waits for the answer is told, and hangs up.
                conn.protocol.set_exception(Withheld())

    return GatedRequest
