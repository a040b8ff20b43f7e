"""Zoho Books' quotas of one organisation: calls a minute (44), calls a day (45), calls at once (1070).

From the API documentation's introduction: 100 a minute for the organisation, then it is blocked; a daily number by
plan; 5 or 10 at once. A refused call spends nothing here; whether it does at Zoho is not published.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.sandbox.config import ZohoLimits
from pipeline.sandbox.window import Window
from pipeline.sandbox.zohobooks.errors import BLOCKED, DAY_SPENT, IN_FLIGHT, Refusal


class Limits:
    """The counters of one organisation. `config` may be replaced while it runs."""

    def __init__(self, config: ZohoLimits, zone: ZoneInfo) -> None:
        self.config = config
        self._zone = zone
        self._minute = Window(60.0)
        self._blocked_until = 0.0
        self._day_ends = 0.0
        self._today = 0

    def spend(self, now: float, in_flight: int) -> None:
        """Count a call, itself included in `in_flight`. Raises Refusal where it is one too many."""
        config = self.config
        if config.in_flight is not None and in_flight > config.in_flight:
            raise Refusal(
                429,
                IN_FLIGHT,
                "The total number of requests received by your organization at the same time has exceeded "
                "the allowed limit.",
            )
        if config.per_day is not None:
            self._roll_day(now)
            if self._today >= config.per_day:
                raise Refusal(
                    429, DAY_SPENT, "You have exceeded the maximum number of API requests allowed for the day."
                )
        if config.per_minute is not None:
            if now < self._blocked_until:
                raise self._blocked()
            if self._minute.count(now) >= config.per_minute:
                self._blocked_until = now + config.block_seconds
                raise self._blocked()
            self._minute.add(now)
        self._today += 1

    def headers(self, now: float) -> dict[str, str]:
        """The day's quota; reset in seconds."""
        if self.config.per_day is None:
            return {}
        self._roll_day(now)
        return {
            "X-Rate-Limit-Limit": str(self.config.per_day),
            "X-Rate-Limit-Remaining": str(max(0, self.config.per_day - self._today)),
            "X-Rate-Limit-Reset": str(max(0, round(self._day_ends - now))),
        }

    def _roll_day(self, now: float) -> None:
        if now >= self._day_ends:
            local = datetime.fromtimestamp(now, self._zone)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            self._day_ends = midnight.timestamp()
            self._today = 0

    @staticmethod
    def _blocked() -> Refusal:
        return Refusal(
            429,
            BLOCKED,
            "For security reasons your organization has been blocked, as it has exceeded the maximum number of "
            "requests per minute.",
        )
