"""Time, behind a protocol so that tests can move it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

FOLLOWED = 0.005
"""Seconds a second by which `SystemClock` comes nearer to a wall clock that was set."""


class Clock(Protocol):
    """`now` for what is written down, `monotonic` for intervals. Both in seconds; `now` as POSIX time."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


def elapsed() -> float:
    """Seconds since the machine started, those that it slept through included where the system can tell."""
    source = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if source is None else time.clock_gettime(source)


class SystemClock:
    """The machine's own clocks. `now` never jumps: who counts what happened in a minute would count wrong.

    It begins with the wall clock and goes on with the time that has passed. A wall clock that is set meanwhile, by NTP
    or by a person, is followed at 5 ms a second; a process that is started later has it at once. Thread-safe.
    """

    def __init__(self, wall: Callable[[], float] = time.time, passed: Callable[[], float] = elapsed) -> None:
        self._wall, self._passed = wall, passed
        self._lock = threading.Lock()
        self._read = passed()
        self._offset = wall() - self._read

    def now(self) -> float:
        with self._lock:
            passed = self._passed()
            most = FOLLOWED * (passed - self._read)
            away = self._wall() - passed - self._offset
            self._read = passed
            self._offset += max(-most, min(most, away))
            return passed + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


def utc(seconds: float) -> datetime:
    """POSIX seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
