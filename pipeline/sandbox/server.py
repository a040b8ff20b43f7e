"""A twin behind HTTP: reads requests, lets faults strike, keeps the ledger, and answers.

aiohttp's low-level server is used for two reasons: thousands of small calls a second on a shared core, and a hold on
the connection, which is needed to lose an answer or to reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

from aiohttp import web

from pipeline.sandbox.faults import Fault
from pipeline.sandbox.http import Reply, Request, split_path
from pipeline.sandbox.ledger import Entry
from pipeline.sandbox.twin import Twin

_UNSENT = Entry(0, "", "", {}, {}, 0.0)
_COUNTED_AT_ONCE = frozenset({"revoke_tokens", "clock"})


class TwinServer:
    """Serves one twin on one port, until `stop`. The twin outlives it, so a restart keeps all state."""

    def __init__(self, twin: Twin, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.twin = twin
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; gives the port."""
        runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, self._host, self._port, backlog=1024).start()
        self._runner = runner
        await self.twin.start()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close all connections; what was to be applied late is dropped."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self.twin.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        target, _, query_string = http.raw_path.partition("?")
        query = dict(parse_qsl(query_string, keep_blank_values=True)) if query_string else {}
        headers = http.headers
        twin = self.twin
        now = twin.clock.now()
        segments = split_path(target)
        body = await http.read() if http.can_read_body else b""
        request = Request(http.method, target, segments, query, headers, body, f"http://{http.host}", _UNSENT, now)
        if segments[0] == "_twin":
            return _response(twin.admin(request))
        request.entry = twin.ledger.open(http.method, target, query, headers, now)
        try:
            faults = twin.faults.of(
                http.method, target, twin.organization_of(request), lambda: _key(request, query_string)
            )
            if faults:
                return await self._serve_with(faults, request, http)
            return await self._serve_plainly(request)
        finally:
            if request.entry.ended is None:
                twin.ledger.close(request.entry, 500, None, twin.clock.now())

    async def _serve_plainly(self, request: Request) -> web.StreamResponse:
        twin = self.twin
        reply = twin.admit(request)
        try:
            if reply is None:
                if twin.latency:
                    await self._take(twin.latency, request)
                reply = twin.answer(request)
        finally:
            twin.leave(request)
        twin.ledger.close(request.entry, reply.status, reply.code, twin.clock.now())
        return _response(reply)

    async def _serve_with(self, faults: list[Fault], request: Request, http: web.BaseRequest) -> web.StreamResponse:
        twin, entry = self.twin, request.entry
        by_effect: Mapping[str, Fault] = {fault.effect: fault for fault in faults}
        entry.faults.extend(fault.effect for fault in faults)
        if revoked := by_effect.get("revoke_tokens"):
            twin.revoke_tokens()
            twin.faults.count(revoked)
        if jumped := by_effect.get("clock"):
            twin.clock.advance(jumped.seconds)
            twin.faults.count(jumped)
            request.now = twin.clock.now()
        if unheard := by_effect.get("reset") or by_effect.get("lose_request"):
            twin.ledger.close(entry, 0, None, twin.clock.now())
            twin.faults.count(unheard)
            return _disconnect(http, reset=unheard.effect == "reset")
        reply = twin.admit(request)
        admitted = reply is None
        try:
            if reply is None:
                await self._take(twin.latency + sum(f.seconds for f in faults if f.effect == "latency"), request)
                reply = self._carry_out(by_effect, request)
        finally:
            twin.leave(request)
        if admitted:
            for fault in faults:
                if fault.effect not in _COUNTED_AT_ONCE:
                    twin.faults.count(fault)
        lost = "lose_answer" in by_effect
        twin.ledger.close(entry, 0 if lost else reply.status, None if lost else reply.code, twin.clock.now())
        if lost:
            return _disconnect(http, reset=False)
        if "cut" in by_effect:
            reply.body = reply.content()[: by_effect["cut"].length]
        if "drip" in by_effect:
            return await _drip(http, reply, by_effect["drip"])
        return _response(reply)

    async def _take(self, seconds: float, request: Request) -> None:
        """Let the call last `seconds` since it arrived; it is carried out at their end."""
        clock = self.twin.clock
        await clock.sleep(request.now + seconds - clock.now())
        request.now = clock.now()

    def _carry_out(self, faults: Mapping[str, Fault], request: Request) -> Reply:
        if late := faults.get("late"):
            task = asyncio.get_running_loop().create_task(self._apply_later(request, request.now + late.seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return _scripted(late)
        if scripted := faults.get("answer"):
            if scripted.apply:
                self.twin.answer(request)
            return _scripted(scripted)
        return self.twin.answer(request)

    async def _apply_later(self, request: Request, due: float) -> None:
        """Not `seconds` from when it runs first: a test may have moved the clock by then."""
        await self.twin.clock.sleep(due - self.twin.clock.now())
        request.now = self.twin.clock.now()
        self.twin.answer(request)
        request.entry.notes.append("applied late")


def _key(request: Request, query_string: str) -> str:
    """What tells one call from another on the same path: our unique key, else what is asked for and what is sent."""
    return request.headers.get("x-unique-identifier-value") or f"{query_string}\n{zlib.crc32(request.body)}"


def _scripted(fault: Fault) -> Reply:
    return Reply(fault.status, fault.body.encode(), dict(fault.headers), fault.content_type)


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.content(), headers=reply.headers, content_type=reply.content_type
    )


def _disconnect(http: web.BaseRequest, *, reset: bool) -> web.Response:
    """Close the connection without an answer; what is returned goes nowhere."""
    transport = http.transport
    if transport is not None:
        if reset:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def _drip(http: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
    """Until the end, or until the caller has gone."""
    content = reply.content()
    stream = web.StreamResponse(status=reply.status, headers=reply.headers)
    stream.content_type = reply.content_type
    stream.content_length = len(content)
    await stream.prepare(http)
    with suppress(ConnectionError):
        for start in range(0, len(content), fault.length):
            await stream.write(content[start : start + fault.length])
            await asyncio.sleep(fault.seconds)
        await stream.write_eof()
    return stream
