"""How many calls a connection may make: in any window, in a day, and in flight. Pure: time comes in as an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from pipeline.apps.base import Quota
from pipeline.schemas.records import Lane


class Limiter:
    """Counts reserved calls by the POSIX second they were reserved at.

    Calls are reserved before they are made, in the transaction that commits their intent, so a successor knows of
    every call that may have been made. What was reserved and not used is given back.

    Invariant: no window of `quota.windows` ever holds more reserved calls than its limit.
    """

    def __init__(self, quota: Quota, zone: tzinfo = UTC) -> None:
        self.quota = quota
        self.zone = zone
        self.in_flight = 0
        self.in_flight_limit = quota.in_flight
        self.blocked_until = 0.0
        self.day = ""
        self.day_calls = 0
        self._longest = max((seconds for _, seconds in quota.windows), default=0.0)
        self._stamps: deque[list[float]] = deque()

    def restore(self, calls: Sequence[tuple[int, int]], day: str, day_calls: int, blocked_until: float) -> None:
        """Take over from a predecessor. A second counts to its end: calls are never taken for older than they are."""
        self._stamps = deque([float(second + 1), float(count)] for second, count in calls)
        self.day, self.day_calls, self.blocked_until = day, day_calls, blocked_until

    def snapshot(self) -> list[tuple[int, int]]:
        """[POSIX second, calls] of the longest window, for `ConnectionState.calls`."""
        seconds: dict[int, int] = {}
        for stamp, count in self._stamps:
            seconds[int(stamp)] = seconds.get(int(stamp), 0) + int(count)
        return list(seconds.items())

    def wait(self, now: float, calls: int, lane: Lane) -> float:
        """Seconds until `calls` may be reserved; 0.0 when they may be now."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if self.quota.day is not None:
            self._roll_day(now)
            reserve = int(self.quota.day * self.quota.live_reserve) if lane is Lane.BULK else 0
            if self.day_calls + calls > self.quota.day - reserve:
                return self._next_day(now) - now
        self._forget(now)
        return max((self._window_wait(now, calls, *window) for window in self.quota.windows), default=0.0)

    def reserve(self, now: float, calls: int) -> float:
        """Count `calls` as made now; gives the stamp to settle them by."""
        if self._stamps and self._stamps[-1][0] == now:
            self._stamps[-1][1] += calls
        elif self._longest:
            self._stamps.append([now, float(calls)])
        self._roll_day(now)
        self.day_calls += calls
        return now

    def settle(self, stamp: float, reserved: int, made: int) -> None:
        """Give back what was reserved at `stamp` and not made."""
        unused = reserved - made
        if unused <= 0:
            return
        self.day_calls = max(0, self.day_calls - unused)
        for entry in reversed(self._stamps):
            if entry[0] == stamp:
                entry[1] = max(0.0, entry[1] - unused)
                return

    def block(self, until: float) -> None:
        """No call before `until` (POSIX seconds): the destination said so."""
        self.blocked_until = max(self.blocked_until, until)

    def _window_wait(self, now: float, calls: int, limit: int, seconds: float) -> float:
        used = 0.0
        for stamp, count in reversed(self._stamps):
            if stamp <= now - seconds:
                break
            used += count
            if used + calls > limit:
                return stamp + seconds - now
        return 0.0

    def _forget(self, now: float) -> None:
        while self._stamps and self._stamps[0][0] <= now - self._longest:
            self._stamps.popleft()

    def _roll_day(self, now: float) -> None:
        today = datetime.fromtimestamp(now, self.zone).date().isoformat()
        if today != self.day:
            self.day, self.day_calls = today, 0

    def _next_day(self, now: float) -> float:
        local = datetime.fromtimestamp(now, self.zone)
        midnight = datetime(local.year, local.month, local.day, tzinfo=self.zone) + timedelta(days=1)
        return midnight.timestamp()
