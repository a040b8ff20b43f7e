"""A circuit breaker: after some calls in a row that had no usable answer, fewer and fewer are tried. Pure.

Closed, calls go out. Open, none does before its time. Half-open, one does: its answer closes the breaker or opens it
for longer. Any answer of the app closes it, also a refusal: somebody is there. https://martinfowler.com/bliki/CircuitBreaker.html
"""

from __future__ import annotations

from enum import StrEnum

LIMIT = 10
"""Failures in a row that open it. Calls of some failing parties alone do not: others succeed in between."""
SHORTEST = 5.0
LONGEST = 300.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """`failures` in a row, and `until` when (POSIX seconds) no call is made: both outlive an owner."""

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0

    def state(self, now: float) -> BreakerState:
        if self.failures < LIMIT:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.until else BreakerState.HALF_OPEN

    def allows(self, now: float, armed: int) -> bool:
        """Whether another call may be armed, beside those that are."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                return armed == 0

    def failed(self, now: float) -> None:
        """No usable answer. Those of calls that were under way when it opened count as one."""
        if self.failures >= LIMIT and now < self.until:
            return
        self.failures += 1
        if self.failures >= LIMIT:
            self.until = now + min(LONGEST, SHORTEST * 2 ** min(self.failures - LIMIT, 16))

    def answered(self) -> None:
        self.failures, self.until = 0, 0.0

    def restore(self, failures: int, until: float) -> None:
        self.failures, self.until = failures, until
