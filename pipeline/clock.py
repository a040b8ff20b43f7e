"""Time, behind a protocol so that tests can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """`now` for what is written down, `monotonic` for intervals. Both in seconds; `now` as POSIX time."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def utc(seconds: float) -> datetime:
    """POSIX seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
