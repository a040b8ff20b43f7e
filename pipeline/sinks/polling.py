"""Looking for what webhooks have missed: one step at a time, by the connection's owner, within its quota.

The events that a step gave and the cursor from which the next one goes on are in one transaction: nothing is looked at
twice for good, nor left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from pipeline.apps.base import Found, Poll, Polled, Polling
from pipeline.errors import Stopped, Wait
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, Lane
from pipeline.sinks.checking import wait_until
from pipeline.sinks.ending import LARGEST
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.state import OwnerState
from pipeline.sinks.telling import as_hint
from pipeline.sinks.tick import Start, Tick
from pipeline.sinks.unsettled import Reading

if TYPE_CHECKING:
    from pipeline.sinks.owner import Owner

log = structlog.get_logger(__name__)

AFTER_A_FAULT = 60.0
LARGEST_CURSORS = 700_000
"""Bytes of all cursors of a connection: they are in its one row, which must always be taken."""


@dataclass(slots=True)
class _Held:
    """What a step of `poll` gave, which was asked of `connection`: each found object has its reading."""

    poll: str
    polled: Polled
    connection: Connection
    readings: list[Reading]


class Polls:
    """Those of one connection, one under way at a time. Commands come first: they run in the last lane."""

    def __init__(self, state: OwnerState) -> None:
        self.under_way = ""
        self._state = state
        self._reserved = 0
        self._reserved_at = 0.0
        self._due: dict[str, float] = {}
        self._memory: dict[str, dict[str, Any]] = {}
        self._held: _Held | None = None

    def begin(self, owner: Owner, tick: Tick) -> None:
        if self.under_way or self._held is not None or not self._state.wanted.triggers:
            return
        poll = self._next(owner, tick.now)
        if poll is None or self._state.limiter.wait(tick.now, poll.most, Lane.RECONCILE) > 0:
            return
        self.under_way = poll.name
        self._reserved, self._reserved_at = poll.most, self._state.limiter.reserve(tick.now, poll.most)
        self._state.dirty = True
        tick.touched.add(owner.index)
        tick.starts.append(Start(owner, None, None, poll.most, self._look(poll, tick.now)))

    def _next(self, owner: Owner, now: float) -> Poll | None:
        """The one that has been due for longest: one that has much to look at must not keep the others from it."""
        due = [poll for poll in owner.app.polls.values() if now >= self._due_at(poll) and self._wanted(poll)]
        return min(due, key=self._due_at, default=None)

    def _due_at(self, poll: Poll) -> float:
        return self._due.get(poll.name, 0.0)

    def recall(self) -> None:
        """It was armed and will not be made here."""
        self.under_way = ""
        self._state.limiter.settle(self._reserved_at, self._reserved, 0, 0.0)

    def end(self, owner: Owner, outcome: Outcome, tick: Tick, *, outdated: bool) -> None:
        """`outdated`: it tells of credentials or settings that were replaced since, and is made again with these."""
        name, self.under_way = self.under_way, ""
        state = self._state
        state.limiter.settle(self._reserved_at, self._reserved, outcome.made, outcome.sent or tick.now)
        state.dirty = True
        match outcome.error:
            case None | Stopped() if outdated:
                pass
            case None:
                assert isinstance(outcome.value, Polled)
                readings = [owner.unsettled.read(each.trigger, each.subject) for each in outcome.value.found]
                self._held = _Held(name, outcome.value, state.connection, readings)
                self.go_on(owner, tick)
            case NotStarted():
                pass
            case Stopped() as error:
                state.stop(str(error))
                log.warning("connection stopped", connection=state.id, reason=str(error))
            case Wait() as error:
                self._due[name] = wait_until(error, tick.now)
                if error.scope == "connection":
                    state.limiter.block(self._due[name])
                else:
                    state.limiter.one_too_many()
            case error:
                self._due[name] = tick.now + AFTER_A_FAULT
                log.warning("a poll failed and is tried again", connection=state.id, poll=name, reason=str(error))

    def go_on(self, owner: Owner, tick: Tick) -> None:
        """Write down what a step gave, once no write is open any more that may have made some of it.

        A successor asks again, and so does who has other credentials or settings by then.
        """
        held = self._held
        if held is None or not all(owner.unsettled.settled(reading) for reading in held.readings):
            return
        self._held = None
        if held.connection is not self._state.connection:
            return
        try:
            self._take(owner, held, tick)
        except Exception:  # an app's fault, which must not stop the others
            self._due[held.poll] = tick.now + AFTER_A_FAULT
            log.exception("what a poll gave cannot be written down", connection=self._state.id, poll=held.poll)

    def _wanted(self, poll: Poll) -> dict[str, tuple[Mapping[str, Any], ...]]:
        return {name: given for name, given in self._state.wanted.triggers.items() if name in poll.triggers}

    def _look(self, poll: Poll, now: float) -> tuple[Poll, Polling]:
        state = self._state
        cursor = state.cursors.get(poll.name, {})
        memory = self._memory.setdefault(poll.name, {})
        return poll, Polling(self._wanted(poll), cursor, memory, state.settings, state.profile or {}, now)

    def _take(self, owner: Owner, held: _Held, tick: Tick) -> None:
        """The events and the cursor, or neither."""
        name, polled = held.poll, held.polled
        state, topic = self._state, owner.shared.topics.events(owner.app.name)
        cursors = {**state.cursors, name: dict(polled.cursor)}
        if (size := len(msgspec.json.encode(cursors))) > LARGEST_CURSORS:
            raise ValueError(f"its cursor makes the connection's row too large: {size} bytes")
        events = [
            _event(found, owner, tick, owner.unsettled.echo(reading))
            for found, reading in zip(polled.found, held.readings, strict=True)
        ]
        said = [(event.key, owner.shared.codec.encode(event)) for event in events]
        for key, value in said:
            tick.say(owner.index, topic, key, value)
        self._due[name] = tick.now + polled.after
        state.cursors, state.dirty = cursors, True


def _event(found: Found, owner: Owner, tick: Tick, echo: str) -> Event:
    """What was found, under the id that a webhook of the same version leads to.

    Where a topic does not take it, a hint of it: it is fetched, and ends as a command whose result says why.
    """
    event = owner.teller.found(found, f"{tick.now:.6f}")
    event = msgspec.structs.replace(event, echo=echo or event.echo)
    if len(owner.shared.codec.encode(event)) <= LARGEST:
        return event
    log.warning("what a poll found is too large for a topic", connection=event.connection, subject=found.subject)
    return as_hint(event)
