"""Invoices that became overdue: time does that, so no change tells of it, but the list can be asked by status."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import ClassVar

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.zohobooks.documents import time_zone
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.polls import sweep
from pipeline.apps.zohobooks.polls.sweep import Pending
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.wire import text

TRIGGER = "invoice.overdue"
HOUR = 3_600.0
BACK = timedelta(days=3)
"""How many days are looked at again: an invoice may be dated back, or be sent after it was due."""


class OverduePoll:
    """Once an hour at the most: those that fell due in the days before today, of the organisation's calendar."""

    name: ClassVar[str] = "overdue"
    triggers: ClassVar[frozenset[str]] = frozenset((TRIGGER,))
    most: ClassVar[int] = sweep.MOST

    async def step(self, session: Session, look: Polling) -> Polled:
        settings, cursor = sweep.settings_of(look), sweep.cursor_of(look)
        if not settings.poll_seconds:
            return Polled((), {}, sweep.NEVER)
        today = datetime.fromtimestamp(look.now, time_zone(look.profile)).date()
        last = date.fromisoformat(cursor.since) if cursor.since else today
        if not cursor.pending:
            query = {
                "filter_by": "Status.OverDue",
                "due_date_start": (last - BACK).isoformat(),
                "due_date_before": today.isoformat(),
                "sort_column": "due_date",
            }
            page = max(1, cursor.page)
            rows, more = await sweep.page_of(session, settings, INVOICE, page, query)
            for row in rows:
                due = text(row, "due_date")
                late = text(row, "status") == "overdue" and (last - BACK).isoformat() <= due < today.isoformat()
                if late and text(row, INVOICE.id) not in cursor.seen:
                    cursor.seen[text(row, INVOICE.id)] = due
                    cursor.pending.append(Pending(text(row, INVOICE.id)))
            cursor.page = page + 1 if more else 0
        found = [
            Found(TRIGGER, text(record, INVOICE.id), record, version_of(record))
            for _, record in await sweep.read_pending(session, settings, INVOICE, cursor)
            if text(record, "status") == "overdue" and TRIGGER in look.wanted
        ]
        if cursor.page or cursor.pending:
            return sweep.polled(found, cursor, settings)
        if last < today:
            cursor.since = today.isoformat()
            oldest = (today - BACK - timedelta(days=1)).isoformat()
            cursor.seen = {id_: due for id_, due in cursor.seen.items() if due >= oldest}
        cursor.since = cursor.since or today.isoformat()
        done = sweep.polled(found, cursor, settings)
        return Polled(done.found, done.cursor, max(HOUR, settings.poll_seconds))
