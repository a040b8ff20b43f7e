"""Contacts, invoices and credit notes that have changed, by the time of their last change.

Invoices and credit notes can be filtered by it, contacts can be sorted by it (pages of the list calls). Neither is
trusted: every row is compared here, and the sweep ends early only where the rows really come in order.
https://www.zoho.com/books/api/v3/contacts/ https://www.zoho.com/books/api/v3/invoices/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.zohobooks.modules import CONTACT, CREDIT_NOTE, INVOICE, Module
from pipeline.apps.zohobooks.polls import sweep
from pipeline.apps.zohobooks.polls.sweep import Cursor, Pending
from pipeline.apps.zohobooks.triggers import STATES
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.wire import text

KEPT = 2_000
"""Versions that are remembered: of more, some are read twice."""


class _ChangePoll:
    """One module. A sweep asks for the newest first; each step takes one page, or reads some of what it gave."""

    name: ClassVar[str]
    triggers: ClassVar[frozenset[str]]
    most: ClassVar[int] = sweep.MOST
    module: ClassVar[Module]
    filtered: ClassVar[bool]

    async def step(self, session: Session, look: Polling) -> Polled:
        settings, cursor = sweep.settings_of(look), sweep.cursor_of(look)
        if not settings.poll_seconds:
            return Polled((), {}, sweep.NEVER)
        if not cursor.since:
            cursor.since = sweep.at(look.now)
        if not cursor.pending:
            await self._page(session, look, cursor)
        found = [
            each
            for pending, record in await sweep.read_pending(session, settings, self.module, cursor)
            for each in self._found(record, pending.new, look)
        ]
        if not cursor.page and not cursor.pending:
            self._finish(cursor, settings.poll_overlap_seconds)
        return sweep.polled(found, cursor, settings)

    async def _page(self, session: Session, look: Polling, cursor: Cursor) -> None:
        """Take the next page of the sweep: what changed goes to what is pending."""
        settings = sweep.settings_of(look)
        floor = sweep.before(cursor.since, settings.poll_overlap_seconds)
        query = {"sort_column": "last_modified_time", "sort_order": "D", "filter_by": "Status.All"}
        if self.filtered:
            query["last_modified_time"] = sweep.as_filter(floor)
        page = max(1, cursor.page)
        if page == 1:
            cursor.begun = sweep.at(look.now)
        rows, more = await sweep.page_of(session, settings, self.module, page, query)
        times = [sweep.time_of(row) for row in rows]
        for row, time in zip(rows, times, strict=True):
            id_, version = text(row, self.module.id), version_of(row)
            if time < floor or not id_ or cursor.seen.get(id_) == version or _vendor(row):
                continue
            new = id_ not in cursor.seen and sweep.created(row) >= floor
            cursor.seen[id_] = version
            if any(trigger in look.wanted for trigger in self._told(row, new)):
                cursor.pending.append(Pending(id_, new))
        cursor.top = max([cursor.top, *times])
        old = [time < floor for time in times]
        # Rows of one time say nothing about their order.
        ordered = times == sorted(times, reverse=True) and len(set(times)) > 1
        cursor.whole = (cursor.whole and page > 1) or (more and any(old) and not ordered)
        cursor.page = page + 1 if more and not (ordered and any(old)) else 0

    def _found(self, record: Mapping[str, Any], new: bool, look: Polling) -> Iterator[Found]:
        version = version_of(record)
        for trigger in self._told(record, new):
            if trigger in look.wanted:
                yield Found(trigger, text(record, self.module.id), record, version)

    def _told(self, record: Mapping[str, Any], new: bool) -> Iterator[str]:
        """The events that a change may be. One that is new and was edited since is told as both."""
        noun = self.module.noun
        if new:
            yield f"{noun}.created"
        if not new or sweep.created(record) < sweep.time_of(record):
            yield f"{noun}.updated"
        state = STATES.get(noun, {}).get(text(record, "status"))
        if state:
            yield state

    def _finish(self, cursor: Cursor, overlap: float) -> None:
        """The sweep is over: the next one begins at the newest change of this one.

        Where nothing changes the time itself moves it on, else each sweep would list the last busy hour again; an
        overlap more is left for clocks that differ.
        """
        cursor.since = max(cursor.since, cursor.top, sweep.before(cursor.begun, overlap) if cursor.begun else "")
        cursor.top = ""
        floor = sweep.before(cursor.since, overlap)
        recent = {id_: version for id_, version in cursor.seen.items() if version.partition(";")[0] >= floor}
        cursor.seen = dict(sorted(recent.items(), key=lambda item: item[1])[-KEPT:])


class ContactPoll(_ChangePoll):
    """Customers; vendors are passed over."""

    name: ClassVar[str] = "contacts"
    triggers: ClassVar[frozenset[str]] = frozenset(("contact.created", "contact.updated", "contact.inactive"))
    module: ClassVar[Module] = CONTACT
    filtered: ClassVar[bool] = False


class InvoicePoll(_ChangePoll):
    """Invoices; that one became overdue is no change (`overdue`)."""

    name: ClassVar[str] = "invoices"
    triggers: ClassVar[frozenset[str]] = frozenset(
        f"invoice.{event}" for event in ("created", "updated", "sent", "paid", "partially_paid", "voided")
    )
    module: ClassVar[Module] = INVOICE
    filtered: ClassVar[bool] = True


class CreditNotePoll(_ChangePoll):
    """Credit notes."""

    name: ClassVar[str] = "credit_notes"
    triggers: ClassVar[frozenset[str]] = frozenset(("credit_note.created", "credit_note.voided"))
    module: ClassVar[Module] = CREDIT_NOTE
    filtered: ClassVar[bool] = True


def _vendor(row: Mapping[str, Any]) -> bool:
    return text(row, "contact_type") == "vendor"
