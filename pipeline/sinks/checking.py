"""The start-up checks of a connection, as calls that an owner makes before all others, and once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from pipeline.apps.base import Applied, Polled
from pipeline.errors import Refused, Stopped, Wait
from pipeline.schemas.records import Lane
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick

if TYPE_CHECKING:
    from pipeline.sinks.owner import Owner

log = structlog.get_logger(__name__)

CHECK_CALLS = 8
A_MOMENT = 5.0


class Checks:
    """When they are made, and what comes of them."""

    def __init__(self, state: OwnerState) -> None:
        self.under_way = False
        self._state = state
        self._reserved_at = 0.0

    def begin(self, owner: Owner, tick: Tick) -> None:
        limiter = self._state.limiter
        if self.under_way or limiter.wait(tick.now, CHECK_CALLS, Lane.LIVE) > 0:
            return
        self.under_way = True
        self._reserved_at = limiter.reserve(tick.now, CHECK_CALLS)
        self._state.dirty = True
        tick.touched.add(owner.index)
        tick.starts.append(Start(owner, None, None, CHECK_CALLS))

    def recall(self) -> None:
        """They were armed and will not be made here."""
        self.under_way = False
        self._state.limiter.settle(self._reserved_at, CHECK_CALLS, 0, 0.0)

    def end(self, outcome: Outcome, outdated: bool) -> None:
        """`outdated`: they tell of credentials or settings that were replaced since."""
        self.under_way = False
        state = self._state
        state.limiter.settle(self._reserved_at, CHECK_CALLS, outcome.made, outcome.sent or state.now())
        state.dirty = True
        match outcome.error:
            case None:
                assert outcome.value is not None
                assert not isinstance(outcome.value, Applied | Polled)
                state.checked(outcome.value)
            case NotStarted():
                pass
            case Stopped() | Refused() if outdated:
                pass
            case Wait() as error:
                until = wait_until(error, state.now())
                state.recheck(until)
                if error.scope == "connection":
                    state.limiter.block(until)
            case Stopped() | Refused() as error:
                state.stop(str(error))
                log.warning("connection stopped", connection=state.id, reason=str(error))
            case error:
                log.warning("start-up check failed, will try again", connection=state.id, reason=str(error))
                state.recheck(state.now() + A_MOMENT)


def wait_until(error: Wait, now: float) -> float:
    """POSIX seconds; a minute from now where the destination did not say."""
    if error.until is not None:
        return error.until.timestamp()
    return now + (error.delay.total_seconds() if error.delay else 60)
