"""Calls in flight: so many at once, and the number may change while others wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """At most `limit()` holders at once, first come, first served. For one event loop."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> None:
        self._idle.clear()
        if self._taken < self._limit() and not self._waiting:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._taken -= 1
            self._hand_on()
            raise

    async def __aexit__(self, *error: object) -> None:
        self._taken -= 1
        self._hand_on()

    async def idle(self) -> None:
        """Until nobody holds one or waits for one."""
        await self._idle.wait()

    def _hand_on(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._taken < self._limit()):
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
        if not self._taken and not self._waiting:
            self._idle.set()
