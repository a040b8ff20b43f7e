"""How many calls a connection may make: in any window, in a day, and at once. Pure: time comes in as an argument."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.apps.base import DayQuota, Quota
from pipeline.schemas.records import ConnectionState, Lane

GRAIN = 0.05
"""Seconds that stamps are rounded up to, so that a window of any quota holds few of them."""

TENTHS = 10
DAY = 24 * 3600.0
EDGE = 2.0
"""Seconds that a day begins later for us: clocks differ, and calls travel. What was sent within as many seconds of
midnight counts for both days."""
UNTROUBLED = 100
"""Calls answered before one more at once is tried, after the destination refused one for being too many."""


class Limiter:
    """Counts calls by when they were sent, in POSIX seconds.

    Calls are reserved before they are made, in the transaction that commits their intent, so a successor knows of
    every call that may have been made. As long as it is open, a reserved call counts in every window: it may be sent at
    any time. Settled, it counts from when it was sent; one that was not sent is given back.

    Invariant: no window of `quota.windows` ever holds more calls than its limit.
    """

    def __init__(self, quota: Quota, zone: tzinfo = UTC) -> None:
        self.quota = quota
        self._zone = zone
        self._moved = False
        self.in_flight_limit = quota.in_flight
        self._untroubled = 0
        self.blocked_until = 0.0
        self.day = ""
        self.day_calls = 0
        self.day_limit = 0
        self.open = 0
        self._windows = [_Window(*window) for window in quota.windows]

    def change(self, quota: Quota) -> None:
        """Another quota from now on; what was counted stays."""
        if quota == self.quota:
            return
        calls = self._counted()
        self.quota, self.in_flight_limit = quota, quota.in_flight
        self._windows = [_Window(*window) for window in quota.windows]
        self._count(calls)

    def restore(self, state: ConnectionState, now: float) -> None:
        """Take over from a predecessor, whose open calls may have been sent at any time until `now`.

        A tenth of a second counts to its end: calls are never taken for older than they are.
        """
        self._count([*(((tenth + 1) / TENTHS, count) for tenth, count in state.calls), (now, state.open_calls)])
        self.day, self.day_calls, self.day_limit = state.day, state.day_calls, state.day_limit
        if state.blocked_until:
            self.block(state.blocked_until.timestamp())
        if state.in_flight:
            self.in_flight_limit = min(state.in_flight, self.quota.in_flight)
        self._zone = zone_of(state.profile)

    @property
    def zone(self) -> tzinfo:
        """Whose midnight ends a day."""
        return self._zone

    @zone.setter
    def zone(self, zone: tzinfo) -> None:
        self._moved = self._moved or zone != self._zone
        self._zone = zone

    def snapshot(self) -> list[tuple[int, int]]:
        """The settled calls of the longest window, for `ConnectionState.calls`."""
        found: dict[int, int] = {}
        for stamp, count in self._counted():
            tenth = int(stamp * TENTHS)
            found[tenth] = found.get(tenth, 0) + count
        return list(found.items())

    def wait(self, now: float, calls: int, lane: Lane) -> float:
        """Seconds until `calls` may be reserved, by what is known now; 0.0 when they may be at once."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if (day := self.calls_a_day) is not None:
            self._roll_day(now)
            if self.day_calls + calls > day - self._reserve(day, lane):
                return self._next_day(now) - now
        return max(
            (window.wait(now, calls, self.open, self._reserve(window.limit, lane)) for window in self._windows),
            default=0.0,
        )

    @property
    def calls_a_day(self) -> int | None:
        """By the quota, or what the destination said if that is less."""
        if self.quota.day is None:
            return None
        return min(self.quota.day, self.day_limit) if self.day_limit else self.quota.day

    def learn(self, now: float, day: DayQuota, sent: float | None = None) -> bool:
        """Take over what an answer says, others' calls included; gives whether that changes anything.

        `sent` is when it was asked for: one that was asked for on the day before tells nothing of this one.
        """
        if self.quota.day is None:
            return False
        self._roll_day(now)
        if sent is not None and self._day_of(sent) != self.day:
            return False
        before = self.day_limit, self.day_calls
        self.day_limit = day.limit
        self.day_calls = max(self.day_calls, day.limit - day.left + self.open)
        return before != (self.day_limit, self.day_calls)

    def spans(self, now: float) -> dict[str, tuple[int, int]]:
        """Calls made, and the most there may be: of each window and of the day."""
        found = {f"{window.seconds:g} s": (window.used(now) + self.open, window.limit) for window in self._windows}
        if (day := self.calls_a_day) is not None:
            self._roll_day(now)
            found["day"] = (self.day_calls, day)
        return found

    def forecast(self, now: float, calls: int, lane: Lane) -> float | None:
        """Seconds until `calls` more will have been made if nothing else comes; None where no quota says."""
        if not self._windows and self.calls_a_day is None:
            return None
        if calls == 0:
            return 0.0
        rates = [(window.limit - self._reserve(window.limit, lane)) / window.seconds for window in self._windows]
        seconds = max(0.0, self.blocked_until - now)
        if (day := self.calls_a_day) is not None:
            self._roll_day(now)
            usable = day - self._reserve(day, lane)
            left = max(0, usable - self.day_calls)
            if calls > left:
                days, calls = divmod(calls - left - 1, usable)
                seconds, calls = self._next_day(now) - now + days * DAY, calls + 1
        return seconds + (calls / min(rates) if rates else 0.0)

    def reserve(self, now: float, calls: int) -> float:
        """Count `calls` from now on; gives what `settle` needs."""
        self._roll_day(now)
        self.open += calls
        self.day_calls += calls
        return now

    def settle(self, reserved_at: float, reserved: int, made: int, sent: float) -> None:
        """Of `reserved` calls `made` were sent, the last of them at `sent`; give back the others."""
        self.open = max(0, self.open - reserved)
        if made:
            self._count([(sent, made)])
        self.day_calls = max(0, self.day_calls - max(0, reserved - made))

    def one_too_many(self) -> None:
        """The destination took fewer calls at once than it says: from now on, one less."""
        self.in_flight_limit, self._untroubled = max(1, self.in_flight_limit - 1), 0

    def answered(self) -> bool:
        """A call was answered. After enough of them one more at once is tried; gives whether that is now."""
        if self.in_flight_limit >= self.quota.in_flight:
            return False
        self._untroubled += 1
        if self._untroubled < UNTROUBLED:
            return False
        self.in_flight_limit, self._untroubled = self.in_flight_limit + 1, 0
        return True

    @property
    def learnt_in_flight(self) -> int:
        """The calls at once that the destination was found to take; 0 where it takes what it says."""
        return self.in_flight_limit if self.in_flight_limit < self.quota.in_flight else 0

    def block(self, until: float) -> None:
        """No call before `until` (POSIX seconds): the destination said so."""
        self.blocked_until = max(self.blocked_until, until)

    def _reserve(self, limit: int, lane: Lane) -> int:
        """Of `limit` calls, those that commands of `lane` leave to more urgent ones."""
        return 0 if lane.urgent else int(limit * self.quota.live_reserve)

    def _count(self, calls: Iterable[tuple[float, int]]) -> None:
        for stamp, count in calls:
            if count:
                for window in self._windows:
                    window.add(math.ceil(stamp / GRAIN) * GRAIN, count)

    def _counted(self) -> Sequence[tuple[float, int]]:
        """The settled calls of the longest window."""
        longest = max(self._windows, key=lambda window: window.seconds, default=None)
        return list(longest.calls) if longest else []

    def _roll_day(self, now: float) -> None:
        """A day never begins twice, whatever the clock says."""
        today = self._day_of(now)
        if self._moved:
            self.day, self._moved = today, False
        elif today > self.day:
            midnight = self._midnight(now)
            self.day = today
            self.day_calls = self.open + sum(count for stamp, count in self._counted() if stamp > midnight - EDGE)

    def _day_of(self, now: float) -> str:
        return datetime.fromtimestamp(now - EDGE, self.zone).date().isoformat()

    def _midnight(self, now: float, days: int = 0) -> float:
        """When the day of `now` began, or one so many days later."""
        local = datetime.fromtimestamp(now - EDGE, self.zone)
        return (datetime(local.year, local.month, local.day, tzinfo=self.zone) + timedelta(days=days)).timestamp()

    def _next_day(self, now: float) -> float:
        return self._midnight(now, 1) + EDGE


class _Window:
    """The settled calls of the last `seconds`, oldest first, as [when they were sent, how many]."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.calls: deque[tuple[float, int]] = deque()
        self._used = 0

    def add(self, stamp: float, count: int) -> None:
        self._used += count
        if self.calls and self.calls[-1][0] == stamp:
            self.calls[-1] = (stamp, self.calls[-1][1] + count)
        elif self.calls and self.calls[-1][0] > stamp:
            insort(self.calls, (stamp, count))
        else:
            self.calls.append((stamp, count))

    def used(self, now: float) -> int:
        while self.calls and self.calls[0][0] <= now - self.seconds:
            self._used -= self.calls.popleft()[1]
        return self._used

    def wait(self, now: float, calls: int, open_calls: int, reserve: int) -> float:
        self.used(now)
        free = self.limit - reserve - self._used - open_calls - calls
        if free >= 0 or not (self._used or open_calls):
            return 0.0
        for stamp, count in self.calls:
            free += count
            if free >= 0:
                return max(stamp + self.seconds - now, GRAIN)
        return self.seconds


def zone_of(profile: Mapping[str, Any]) -> ZoneInfo:
    """Of the organisation, whose day the quota of a day is for."""
    try:
        return ZoneInfo(str(profile.get("time_zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
