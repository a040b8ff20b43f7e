"""The twins' time: real, or moved by hand so that a test of a 60 s window or a 3 minute code takes no time."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Seconds since the epoch, a sleep on the same scale, and a way to move on."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...

    def advance(self, seconds: float) -> None: ...


class RealClock:
    """Wall time plus what `advance` added. A sleep that has begun is not shortened by `advance`."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        return time.time() + self._offset

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        self._offset += seconds


class VirtualClock:
    """Time that only `advance` moves, from any thread; sleepers wake when their time has come."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        awake = asyncio.Event()
        with self._lock:
            self._sleepers.append((self._now + seconds, asyncio.get_running_loop(), awake))
        await awake.wait()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _, loop, awake in due:
            loop.call_soon_threadsafe(awake.set)


def utc(seconds: float) -> datetime:
    """The instant of a clock's reading, aware."""
    return datetime.fromtimestamp(seconds, UTC)
