"""The event loop's side: what is armed may still be held back, and a connection may change under calls in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Applied, Call, Quota, Request, Session, Token, Transport
from pipeline.clock import SystemClock
from pipeline.errors import EffectError, Stopped, Wait
from pipeline.schemas.records import Connection
from pipeline.sinks.calls import Caller, Lease
from pipeline.sinks.entry import Entry
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from tests.sinks.toy import BOX, Make, ToyApp, command, shared


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


class Wire:
    """A server on the loopback that answers when it is told to; what it was asked is in `asked`."""

    def __init__(self) -> None:
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.open = asyncio.Event()
        self.open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await self.open.wait()
            self.at_once -= 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()

    async def until_asked(self, times: int) -> None:
        await until(lambda: self.asked >= times)


class WiredSession:
    def __init__(self, api: Transport, url: str, tokens: Any, error: EffectError | None) -> None:
        self.tokens = tokens
        self.closed = False
        self._api, self._url, self._error = api, url, error

    async def send(self, request: Request) -> Any:
        answer = await self._api.send(self._url, request)
        if self._error is not None:
            raise self._error
        return answer

    async def check(self) -> Mapping[str, Any]:
        return {}

    async def close(self) -> None:
        self.closed = True


class WiredMake(Make):
    async def apply(self, call: Call, session: Session) -> Applied:
        await session.send(call.request)
        return Applied("created", {})


class WiredApp(ToyApp):
    """Every answer becomes `error`, where one is set when the session is made."""

    def __init__(self, quota: Quota, url: str) -> None:
        super().__init__(quota)
        self.url = url
        self.error: EffectError | None = None
        self.sessions: list[WiredSession] = []
        self.actions = {"make": WiredMake()}

    def session(self, **given: Any) -> Session:
        self.sessions.append(WiredSession(given["api"], self.url, given["tokens"], self.error))
        return self.sessions[-1]


class Stage:
    """One owner with a real caller behind it; the test is the Kafka thread."""

    def __init__(self, app: WiredApp, wire: Wire) -> None:
        self.app, self.wire = app, wire
        state = OwnerState(Connection(id="c", app="toy"), app, BOX, SystemClock().now)
        state.checked({})
        self.owner = Owner(0, app, state, shared())
        self.lease = Lease(60)
        self.lease.renew(time.monotonic())
        self.outcomes: list[Outcome] = []
        self.caller = Caller(BOX, self.lease, self.outcomes.append, SystemClock().now)

    def begin(self, *ids: str) -> list[Start]:
        """Commands of a party each, armed and handed to the loop."""
        for number, id_ in enumerate(ids):
            self.owner.add(Entry(command(id_, party=id_), "t", number, time.time()))
        tick = Tick(time.time())
        self.owner.advance(tick)
        self.caller.start(tick.starts)
        return tick.starts

    async def ended(self, count: int) -> list[Exception | None]:
        await until(lambda: len(self.outcomes) >= count)
        return [outcome.error for outcome in self.outcomes]

    def settle(self) -> Tick:
        tick = Tick(time.time())
        for outcome in self.outcomes:
            self.owner.settle(outcome, tick)
        self.outcomes.clear()
        return tick


@asynccontextmanager
async def stage(in_flight: int = 1) -> AsyncIterator[Stage]:
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Stage(
        WiredApp(Quota(windows=((100, 60.0),), day=None, in_flight=in_flight), f"http://127.0.0.1:{port}"), wire
    )
    try:
        yield made
    finally:
        wire.open.set()
        await made.caller.close()
        server.close()


@pytest.mark.parametrize("error", [Wait("44", delay=timedelta(seconds=60)), Stopped("the token is dead")])
async def test_an_answer_that_stops_the_connection_holds_back_what_is_armed_already(error: EffectError) -> None:
    async with stage(in_flight=1) as here:
        here.app.error = error
        here.begin("a", "b")
        assert [type(each) for each in await here.ended(2)] == [type(error), NotStarted]
        assert here.wire.asked == 1
        here.settle()
        assert here.begin("c") == []


async def test_calls_armed_before_a_block_was_taken_in_and_handed_over_after_it_are_held_back_too() -> None:
    async with stage(in_flight=2) as here:
        here.owner.state.limiter.block(time.time() - 1)
        here.begin("a")
        await here.ended(1)
        here.settle()
        here.owner.add(Entry(command("b", party="b"), "t", 1, time.time()))
        tick = Tick(time.time())
        here.owner.advance(tick)
        here.owner.state.limiter.block(time.time() + 60)
        here.caller.start(tick.starts)
        assert isinstance((await here.ended(1))[0], NotStarted)
        assert here.wire.asked == 1


async def test_calls_in_flight_end_on_the_session_they_began_with_when_the_connection_changes() -> None:
    async with stage(in_flight=2) as here:
        here.wire.open.clear()
        here.begin("a")
        await here.wire.until_asked(1)
        here.owner.state.configure(Connection(id="c", app="toy", typed={"token": "changed"}))
        here.begin("b")
        await here.wire.until_asked(2)
        assert [session.closed for session in here.app.sessions] == [False, False]
        here.wire.open.set()
        assert await here.ended(2) == [None, None]
        await until(lambda: here.app.sessions[0].closed)
        assert not here.app.sessions[1].closed


async def test_what_replaced_credentials_failed_with_does_not_stop_the_new_ones() -> None:
    async with stage() as here:
        here.wire.open.clear()
        here.app.error = Stopped("invalid_code")
        here.begin("a")
        await here.wire.until_asked(1)
        here.owner.state.configure(Connection(id="c", app="toy", secrets={"token": "another"}))
        here.wire.open.set()
        await here.ended(1)
        here.settle()
        assert here.owner.state.running


async def test_a_token_of_replaced_credentials_never_becomes_the_new_ones() -> None:
    async with stage() as here:
        here.begin("a")
        await here.ended(1)
        old = here.app.sessions[0].tokens
        here.owner.state.configure(Connection(id="c", app="toy", secrets={"token": "another"}))
        old.save(Token("old", time.time() + 3600))
        assert here.owner.state.record().token == ""


async def test_what_replaced_credentials_had_to_wait_for_does_not_hold_up_the_new_ones() -> None:
    """Token requests are limited by refresh token: https://www.zoho.com/accounts/protocol/oauth/token-limits.html"""
    async with stage() as here:
        state = here.owner.state
        state.tokens.refreshed(time.time())
        state.limiter.block(time.time() + 600)
        before = state.record()
        state.configure(Connection(id="c", app="toy", secrets={"token": "another"}))
        assert (state.record().refreshes, state.record().blocked_until) == ([], None)
        state.restore(before)
        assert (state.record().refreshes, state.record().blocked_until) == ([], None)


async def test_fewer_calls_go_out_at_once_when_the_destination_asked_for_that() -> None:
    async with stage(in_flight=4) as here:
        here.wire.open.clear()
        here.owner.state.limiter.in_flight_limit = 2
        here.begin(*"abcd")
        await here.wire.until_asked(2)
        here.wire.open.set()
        assert await here.ended(4) == [None] * 4
        assert here.wire.most_at_once == 2


async def test_a_quota_counts_on_when_the_connection_is_changed() -> None:
    async with stage() as here:
        here.begin("a")
        await here.ended(1)
        here.settle()
        here.owner.state.configure(msgspec.structs.replace(here.owner.state.connection, paused=False))
        assert sum(count for _, count in here.owner.state.record().calls) == 1
