"""When a flow is due that starts by the clock: each hour, each day, or by a cron expression, in a time zone.

Expressions are cron's five fields (or six, with seconds last), as Debian's cron reads them:
https://man7.org/linux/man-pages/man5/crontab.5.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

EVERY: Mapping[str, str] = {"hour": "0 * * * *", "day": "0 0 * * *"}
GIVEN = ("every", "cron", "timezone")
"""What a flow may say about a trigger that is scheduled."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`cron` and `timezone` as they were written."""

    cron: str
    timezone: str = "UTC"

    @property
    def key(self) -> str:
        """Names the schedule: flows that say the same are due at the same times."""
        return f"{self.cron} {self.timezone}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def last(self, now: float) -> datetime | None:
        """The last time it was due at `now` (POSIX seconds) or before, in its zone; None where it never was."""
        moment = datetime.fromtimestamp(int(now) + 1, self.zone)
        return next(CronSim(self.cron, moment, reverse=True), None)

    def next(self, now: float) -> datetime | None:
        """The next time after `now` that it is due."""
        return next(CronSim(self.cron, datetime.fromtimestamp(now, self.zone)), None)

    def data(self, due: datetime) -> dict[str, Any]:
        """What the event of a due time says."""
        return {
            "id": self.key,
            "cron": self.cron,
            "timezone": self.timezone,
            "due": due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "local": due.isoformat(timespec="seconds"),
        }


def schedule_of(given: Mapping[str, Any]) -> Schedule:
    """From what a flow's trigger says. Raises ValueError with one sentence that says what to write instead."""
    every, cron = str(given.get("every") or ""), " ".join(str(given.get("cron") or "").split())
    if bool(every) == bool(cron):
        raise ValueError("say when it is due: either every (hour or day) or cron, as in cron: '0 6 * * 1'")
    if every and every not in EVERY:
        raise ValueError(f"every is one of {', '.join(EVERY)}, not {every!r}")
    made = Schedule(cron or EVERY[every], str(given.get("timezone") or "UTC"))
    try:
        zone = made.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{made.timezone!r} is no time zone: write one like Europe/Oslo") from None
    try:
        if next(CronSim(made.cron, datetime.now(zone)), None) is None:
            raise ValueError(f"cron {made.cron!r} is never due")
    except CronSimError as error:
        raise ValueError(f"cron {made.cron!r} is wrong: {str(error).lower()}") from None
    return made
