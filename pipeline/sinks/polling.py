"""Looking for what webhooks have missed: one step at a time, by the connection's owner, within its quota.

The events that a step gave and the cursor from which the next one goes on are in one transaction: nothing is looked at
twice for good, nor left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from pipeline.apps.base import Poll, Polled, Polling
from pipeline.errors import Stopped, Wait
from pipeline.schemas.envelope import Event, event_id
from pipeline.schemas.records import Lane
from pipeline.sinks.checking import wait_until
from pipeline.sinks.echo import echo_of
from pipeline.sinks.ending import LARGEST
from pipeline.sinks.outcome import Interrupted, NotStarted, Outcome
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick

if TYPE_CHECKING:
    from pipeline.sinks.owner import Owner

log = structlog.get_logger(__name__)

AFTER_A_FAULT = 60.0


class Polls:
    """Those of one connection, one under way at a time. Commands come first: they run in the last lane."""

    def __init__(self, state: OwnerState) -> None:
        self.under_way = ""
        self._state = state
        self._reserved = 0
        self._reserved_at = 0.0
        self._due: dict[str, float] = {}
        self._memory: dict[str, dict[str, Any]] = {}

    def begin(self, owner: Owner, tick: Tick) -> None:
        if self.under_way or not self._state.wanted.triggers:
            return
        for poll in owner.app.polls.values():
            if tick.now >= self._due.get(poll.name, 0.0) and self._wanted(poll):
                if self._state.limiter.wait(tick.now, poll.most, Lane.RECONCILE) > 0:
                    return
                self.under_way = poll.name
                self._reserved, self._reserved_at = poll.most, self._state.limiter.reserve(tick.now, poll.most)
                self._state.dirty = True
                tick.touched.add(owner.index)
                tick.starts.append(Start(owner, None, None, poll.most, self._look(poll, tick.now)))
                return

    def recall(self) -> None:
        """It was armed and will not be made here."""
        self.under_way = ""
        self._state.limiter.settle(self._reserved_at, self._reserved, 0, 0.0)

    def end(self, owner: Owner, outcome: Outcome, tick: Tick) -> None:
        name, self.under_way = self.under_way, ""
        state = self._state
        state.limiter.settle(self._reserved_at, self._reserved, outcome.made, outcome.sent or tick.now)
        state.dirty = True
        match outcome.error:
            case None:
                assert isinstance(outcome.value, Polled)
                self._due[name] = tick.now + outcome.value.after
                state.cursors[name] = dict(outcome.value.cursor)
                self._publish(owner, outcome.value, tick)
            case NotStarted() | Interrupted():
                pass
            case Stopped() as error:
                state.stop(str(error))
                log.warning("connection stopped", connection=state.id, reason=str(error))
            case Wait() as error:
                self._due[name] = wait_until(error, tick.now)
                if error.scope == "connection":
                    state.limiter.block(self._due[name])
            case error:
                self._due[name] = tick.now + AFTER_A_FAULT
                log.warning("a poll failed and is tried again", connection=state.id, poll=name, reason=str(error))

    def _wanted(self, poll: Poll) -> dict[str, tuple[Mapping[str, Any], ...]]:
        return {name: given for name, given in self._state.wanted.triggers.items() if name in poll.triggers}

    def _look(self, poll: Poll, now: float) -> tuple[Poll, Polling]:
        state = self._state
        cursor = state.cursors.get(poll.name, {})
        memory = self._memory.setdefault(poll.name, {})
        return poll, Polling(self._wanted(poll), cursor, memory, state.settings, state.profile or {}, now)

    def _publish(self, owner: Owner, polled: Polled, tick: Tick) -> None:
        app, state, shared = owner.app, self._state, owner.shared
        for found in polled.found:
            type_ = f"{app.name}.{found.trigger}"
            event = Event(
                id=event_id(state.id, type_, found.subject, found.sourceversion, found.data),
                source=f"{app.name}/{state.id}",
                type=type_,
                subject=found.subject,
                data=found.data,
                connection=state.id,
                party=app.party(found.trigger, found.data) or found.subject,
                sourceversion=found.sourceversion,
                echo=echo_of(
                    found.trigger, found.subject, found.sourceversion, app, shared.mappings, state.wanted.scopes
                ),
            )
            value = shared.codec.encode(event)
            if len(value) > LARGEST:
                log.error("what a poll found is too large for a topic", connection=state.id, subject=found.subject)
                continue
            tick.say(owner.index, shared.topics.events(app.name), event.key, value)
