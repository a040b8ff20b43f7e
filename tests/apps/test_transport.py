"""The transport against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pipeline.apps.base import Request, Response
from pipeline.apps.transport import HttpTransport
from pipeline.errors import InDoubt, Refused, Retry, Stopped

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SECRET = "s3cret-token"
WRITE = Request(
    "PUT",
    "/books/v3/contacts",
    query={"organization_id": "10", "note": "query-value"},
    headers={"Authorization": f"Zoho-oauthtoken {SECRET}"},
    body=b'{"a":1}',
)


class Server:
    """Reads whole requests and hands each to a handler; keeps what it read."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.base_url = ""
        self._handler = handler
        self._serving: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                await self._handler(self.requests[-1], reader, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.base_url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*self._serving)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    async with Server(handler).running() as server:
        yield server


@asynccontextmanager
async def transport(**options: float) -> AsyncIterator[HttpTransport]:
    made = HttpTransport(**options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> Handler:
    async def handler(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return handler


async def hang_up(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def say_nothing(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def drip(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
    writer.close()


async def cut(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":')
    writer.close()


async def gibberish(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"this is no HTTP\r\n\r\n")
    writer.close()


async def test_a_request_goes_out_as_it_was_given_and_the_answer_comes_back_whatever_its_status() -> None:
    async with (
        serving(answer(b'{"code":57}', "401 Unauthorized", "X-Rate-Limit-Reset: 30")) as server,
        transport() as http,
    ):
        got = await http.send(server.base_url + "/", WRITE)
    assert got.status == 401
    assert got.body == b'{"code":57}'
    assert got.headers["x-rate-limit-reset"] == "30"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /books/v3/contacts?organization_id=10&note=query-value HTTP/1.1")
    assert f"authorization: zoho-oauthtoken {SECRET}".encode() in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert body == b'{"a":1}'


async def test_an_escaped_slash_in_an_id_stays_escaped() -> None:
    async with serving(answer()) as server, transport() as http:
        await http.send(server.base_url, Request("GET", "/accounts/a%2Fb%20c%2B", query={"q": "a+b/c"}))
    assert server.requests[0].startswith(b"GET /accounts/a%2Fb%20c%2B?q=a%2Bb")


async def test_a_refused_connection_may_be_tried_again() -> None:
    async with serving(answer()) as server:
        base_url = server.base_url
    async with transport() as http:
        with pytest.raises(Retry) as caught:
            await http.send(base_url, WRITE)
    assert_clean(caught.value)


async def test_an_unknown_host_may_be_tried_again() -> None:
    async with transport() as http:
        with pytest.raises(Retry) as caught:
            await http.send("http://nowhere.invalid", WRITE)
    assert_clean(caught.value)


@pytest.mark.parametrize("fault", [hang_up, cut, gibberish], ids=lambda fault: fault.__name__)
async def test_a_connection_that_fails_after_sending_leaves_the_call_in_doubt(fault: Handler) -> None:
    async with serving(fault) as server, transport() as http:
        with pytest.raises(InDoubt) as caught:
            await http.send(server.base_url, WRITE)
    assert_clean(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "limits"),
    [(say_nothing, {"read_timeout": 0.1}), (say_nothing, {"total_timeout": 0.1}), (drip, {"total_timeout": 0.1})],
)
async def test_no_whole_answer_in_time_leaves_the_call_in_doubt(fault: Handler, limits: dict[str, float]) -> None:
    async with serving(fault) as server, transport(**limits) as http:
        with pytest.raises(InDoubt) as caught:
            await http.send(server.base_url, WRITE)
    assert_clean(caught.value)


async def test_a_kept_connection_that_closes_in_the_middle_of_a_put_does_not_send_it_twice() -> None:
    seen = 0

    async def second_time_hang_up(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await (hang_up if seen == 2 else answer())(request, reader, writer)

    async with serving(second_time_hang_up) as server, transport() as http:
        await http.send(server.base_url, WRITE)
        with pytest.raises(InDoubt):
            await http.send(server.base_url, WRITE)
    assert server.connections == 1
    assert len(server.requests) == 2


async def test_a_call_that_finds_no_free_place_in_time_was_not_sent() -> None:
    arrived = asyncio.Event()

    async def keep(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await say_nothing(request, reader, writer)

    async with serving(keep) as server, transport(max_in_flight=1, connect_timeout=0.1) as http:
        first = asyncio.create_task(http.send(server.base_url, WRITE))
        await arrived.wait()
        with pytest.raises(Retry):
            await http.send(server.base_url, WRITE)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert len(server.requests) == 1


async def test_no_more_calls_than_allowed_are_in_flight() -> None:
    busy, most = 0, 0

    async def count(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        await answer()(request, reader, writer)

    async with serving(count) as server, transport(max_in_flight=3) as http:
        answers: list[Response] = await asyncio.gather(*(http.send(server.base_url, WRITE) for _ in range(12)))
    assert {each.status for each in answers} == {200}
    assert most == 3


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
async def test_an_answer_past_the_limit_is_cut_off(packed: bool) -> None:
    big = b"x" * 2_000_000
    handler = answer(gzip.compress(big), "200 OK", "Content-Encoding: gzip") if packed else answer(big)
    async with serving(handler) as server, transport(max_response_bytes=100_000) as http:
        with pytest.raises(InDoubt, match="larger than"):
            await http.send(server.base_url, WRITE)


async def test_a_redirect_to_another_host_stops_the_connection_and_is_not_followed() -> None:
    async with serving(answer()) as other:
        redirect = answer(b"", "302 Found", f"Location: {other.base_url}/login?next=query-value")
        async with serving(redirect) as server, transport() as http:
            with pytest.raises(Stopped, match=r"redirect to 127\.0\.0\.1") as caught:
                await http.send(server.base_url, WRITE)
    assert_clean(caught.value)
    assert other.requests == []


async def test_a_redirect_on_the_same_host_is_given_back_and_not_followed() -> None:
    async with serving(answer(b"", "301 Moved", "Location: /elsewhere")) as server, transport() as http:
        got = await http.send(server.base_url, WRITE)
    assert got.status == 301
    assert len(server.requests) == 1


@pytest.mark.parametrize("value", ["line\r\nbreak", "kürzel"])
async def test_a_header_that_http_cannot_carry_is_refused_and_nothing_is_sent(value: str) -> None:
    async with serving(answer()) as server, transport() as http:
        with pytest.raises(Refused, match="characters that HTTP cannot carry") as caught:
            await http.send(server.base_url, Request("PUT", "/x", headers={"X-Unique-Identifier-Value": value}))
    assert value not in str(caught.value)
    assert server.requests == []


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer()) as server, transport() as http:
        await http.send(server.base_url, WRITE)
    assert SECRET not in caplog.text


def assert_clean(error: Exception) -> None:
    """Neither headers, query nor body can be read in the error or in what is chained to it visibly."""
    assert "PUT " in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    for secret in (SECRET, "query-value", '"a"'):
        assert secret not in str(error)
