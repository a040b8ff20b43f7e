"""Whether a request leaves is asked where its bytes are written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain, repeat

import pytest

from pipeline.apps.base import Request
from pipeline.apps.gate import Withheld
from pipeline.apps.transport import HttpTransport
from tests.apps.test_transport import WRITE, answer, serving

READ = Request("GET", "/books/v3/contacts")


@asynccontextmanager
async def gated(*says: bool) -> AsyncIterator[HttpTransport]:
    """Its gate says this, and yes from then on."""
    answers: Iterator[bool] = chain(says, repeat(True))
    made = HttpTransport(gate=lambda: next(answers))
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["without a body", "with a body"])
async def test_no_request_leaves_through_a_gate_that_is_shut_and_the_next_one_does(request_: Request) -> None:
    async with serving(answer()) as server, gated(False) as http:
        with pytest.raises(Withheld):
            await http.send(server.base_url, request_)
        assert server.requests == []
        assert (await http.send(server.base_url, request_)).status == 200
    assert len(server.requests) == 1


async def test_a_gate_that_shuts_before_the_body_is_written_keeps_the_head_back_too() -> None:
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set_result(await reader.read())
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, gated(True, False) as http:
        with pytest.raises(Withheld):
            await http.send(f"http://{host}:{port}", WRITE)
        assert await came == b""
