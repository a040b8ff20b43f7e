"""How many events fell into the last so many seconds."""

from __future__ import annotations

from collections import deque


class Window:
    """A sliding count. Times must not go backwards by more than rounding."""

    __slots__ = ("_seconds", "_times")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def count(self, now: float) -> int:
        """Events in (now - seconds, now]."""
        times = self._times
        horizon = now - self._seconds
        while times and times[0] <= horizon:
            times.popleft()
        return len(times)

    def add(self, now: float) -> int:
        """Count one event at `now`; gives the count including it."""
        count = self.count(now) + 1
        self._times.append(now)
        return count

    def until_free(self, now: float, limit: int) -> float:
        """Seconds until fewer than `limit` events are in the window."""
        surplus = self.count(now) - limit
        return 0.0 if surplus < 0 else self._times[surplus] + self._seconds - now
