"""The event loop's side: makes the calls that were started, and hands every outcome back. It owns no other state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import App, DayQuota, Request, Response, Session, Transport
from pipeline.apps.gate import Withheld
from pipeline.apps.hiding import hiding
from pipeline.apps.transport import HttpTransport
from pipeline.control.secrets import SecretBox, open_secrets
from pipeline.errors import ConfigurationError, Stopped
from pipeline.failpoints import fail_point
from pipeline.schemas.records import Connection
from pipeline.sinks.outcome import Interrupted, NotStarted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.slots import Slots
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start


@dataclass(slots=True)
class _Budget:
    """The calls of one attempt: those it may still make, those it made, and when the last one was sent."""

    owner: Owner
    left: int
    made: int = 0
    sent: float = 0.0
    check: bool = False
    day: DayQuota | None = None

    def handed_back(self, why: str) -> Exception:
        """How an attempt ends that may make no further call."""
        return Interrupted(why) if self.made else NotStarted()


_budget: ContextVar[_Budget] = ContextVar("budget")


class Lease:
    """Until when calls may start, on the monotonic clock: the transaction that fenced us began `seconds` before.

    Without it a worker that was paused past its session could go on with calls that its successor has taken over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = 0.0

    def renew(self, began: float) -> None:
        self._until = began + self.seconds

    @property
    def remaining(self) -> float:
        return self._until - time.monotonic()

    @property
    def held(self) -> bool:
        return time.monotonic() < self._until


class _Metered:
    """The transport of an owner: before each request it looks whether calls may be made, and counts it."""

    def __init__(self, transport: Transport, lease: Lease) -> None:
        self._transport = transport
        self._lease = lease

    async def send(self, base_url: str, request: Request) -> Response:
        budget = _budget.get()
        if budget.owner.closing or not self._lease.held or budget.owner.held_up(check=budget.check):
            raise budget.handed_back("interrupted between two calls of one action")
        if budget.left <= 0:
            raise Interrupted("the calls reserved for this attempt are used up")
        budget.left -= 1
        budget.made += 1
        budget.sent = budget.owner.state.now()
        fail_point("sinks.call.sending")
        try:
            response = await self._transport.send(base_url, request)
        except Withheld:
            budget.left += 1
            budget.made -= 1
            raise
        fail_point("sinks.call.answered")
        budget.day = budget.owner.app.day_quota(response.headers) or budget.day
        return response


@dataclass(slots=True)
class _Line:
    """A connection in use: its session, the transports below it and the slots of its calls in flight."""

    connection: Connection
    session: Session
    transports: tuple[HttpTransport, ...]
    slots: Slots


class Caller:
    """Lives on one event loop. `done` takes each `Outcome`, from the loop's thread."""

    def __init__(self, box: SecretBox, lease: Lease, done: Callable[[Outcome], None], now: Callable[[], float]) -> None:
        self._box = box
        self._lease = lease
        self._done = done
        self._now = now
        self._lines: dict[OwnerState, _Line] = {}
        self._tasks: dict[asyncio.Task[None], Owner] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def start(self, starts: list[Start]) -> None:
        """Called on the loop, after the commit of their intents."""
        for start in starts:
            task = asyncio.ensure_future(self._run(start))
            self._tasks[task] = start.owner
            task.add_done_callback(self._tasks.pop)

    def cancel(self, owners: frozenset[Owner]) -> None:
        """Give up what is in flight for owners that are no more; their intents stay with the successor."""
        for task, owner in list(self._tasks.items()):
            if owner in owners:
                task.cancel()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._closing, return_exceptions=True)
        for line in self._lines.values():
            await _hang_up(line)
        self._lines.clear()

    async def forget(self, owners: frozenset[Owner]) -> None:
        """Close the sessions of owners that are no more."""
        for owner in owners:
            line = self._lines.pop(owner.state, None)
            if line is not None:
                await _hang_up(line)

    async def _run(self, start: Start) -> None:
        owner, budget = (
            start.owner,
            _Budget(start.owner, start.budget, check=start.entry is None and start.poll is None),
        )
        _budget.set(budget)
        value: Any = None
        error: Exception | None = None
        connection = owner.state.connection
        try:
            line = await self._line(owner)
            connection = line.connection
            async with line.slots:
                if start.poll is not None:
                    poll, look = start.poll
                    value = await poll.step(line.session, look)
                elif start.entry is None:
                    value = await line.session.check()
                else:
                    assert start.call is not None
                    action = owner.app.actions[start.entry.command.action]
                    value = await action.apply(start.call, line.session)
        except Withheld:
            error = budget.handed_back("the lease ended between two calls of one action")
        except Exception as fault:
            error = fault
            owner.heed(fault)
        self._done(Outcome(start, value, error, budget.made, budget.sent, connection, budget.day))

    async def _line(self, owner: Owner) -> _Line:
        state = owner.state
        line = self._lines.get(state)
        if line is not None and line.connection is not state.connection:
            self._closing.add(closing := asyncio.ensure_future(_hang_up_when_idle(line)))
            closing.add_done_callback(self._closing.discard)
            line = None
        if line is None:
            line = self._lines[state] = self._open(owner.app, state)
        return line

    def _open(self, app: App, state: OwnerState) -> _Line:
        try:
            secrets = open_secrets(state.id, state.connection.secrets, self._box)
        except ConfigurationError as error:
            raise Stopped(str(error)) from error
        quota = state.limiter.quota
        settings: Mapping[str, Any] = {
            "total_timeout": quota.timeout,
            "read_timeout": min(20.0, quota.timeout),
            "gate": lambda: self._lease.held,
        }
        api, auth = HttpTransport(max_in_flight=quota.in_flight, **settings), HttpTransport(**settings)
        session = app.session(
            settings=state.settings,
            secrets=secrets,
            api=_Metered(hiding(api, app, secrets), self._lease),
            auth=hiding(auth, app, secrets),
            tokens=state.tokens,
            now=self._now,
        )
        return _Line(state.connection, session, (api, auth), Slots(lambda: state.limiter.in_flight_limit))


async def _hang_up_when_idle(line: _Line) -> None:
    """The calls under way end on the session that they began with."""
    await line.slots.idle()
    await _hang_up(line)


async def _hang_up(line: _Line) -> None:
    await line.session.close()
    for transport in line.transports:
        await transport.close()
