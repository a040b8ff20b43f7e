"""Times at which flows are due, as events. No call is made."""

from __future__ import annotations

from datetime import UTC
from typing import ClassVar

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.schedules import schedule_of
from pipeline.apps.togai.triggers import SCHEDULE

SOON = 15.0
"""Seconds after which it looks again at the latest: flows may have been switched on or changed."""


class SchedulePoll:
    """One event for each due time. Of those that passed while nobody looked, the last one alone is told.

    The cursor holds, for each schedule that a flow wants, the last time that was told. One that is wanted for the first
    time begins now: what was due before does not count.
    """

    name: ClassVar[str] = "schedules"
    triggers: ClassVar[frozenset[str]] = frozenset((SCHEDULE,))
    most: ClassVar[int] = 0

    async def step(self, session: Session, look: Polling) -> Polled:
        told = look.cursor.get("told")
        before = told if isinstance(told, dict) else {}
        found: list[Found] = []
        after, now = {}, look.now
        wait = SOON
        for given in look.wanted.get(SCHEDULE, ()):
            try:
                schedule = schedule_of(given)
            except ValueError:
                continue
            due = schedule.last(now)
            following = schedule.next(now)
            if following is not None:
                wait = min(wait, max(0.1, following.timestamp() - now))
            if schedule.key in after:
                continue
            at = due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if due else ""
            last = str(before.get(schedule.key) or "")
            after[schedule.key] = max(at, last)
            if due is not None and schedule.key in before and at > last:
                found.append(Found(SCHEDULE, f"{schedule.key} {at}", schedule.data(due), at))
        return Polled(found, {"told": after}, wait)
