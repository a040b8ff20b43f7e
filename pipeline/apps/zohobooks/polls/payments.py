"""Payments that were recorded, and those that are gone.

Their list has no filter for the last change (https://www.zoho.com/books/api/v3/customer-payments/), so the newest are
asked for by the time they were made. The payments of the first page are remembered: one that is missing there later,
though it is newer than the last row, and that cannot be read either, twice over, was deleted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.zohobooks.actions.common import read
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.modules import PAYMENT
from pipeline.apps.zohobooks.polls import sweep
from pipeline.apps.zohobooks.triggers import PAYMENT_DELETED
from pipeline.apps.zohobooks.versions import DELETED, version_of
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused

RECORDED = "payment.recorded"
READS = 4
KEPT, MOST_KEPT = 200, 1_000
"""Payments that are remembered, and how many more where so many were made within the overlap."""
KNOWN = ("payment_number", "reference_number", "customer_id", "customer_name", "payment_mode", "amount", "date")
"""What is told of a payment that was deleted, as the last list had it."""
MISSED = 2
"""Sweeps in a row that must miss a payment: a list may lag, and one negative answer is no proof."""


class Remembered(msgspec.Struct, omit_defaults=True):
    """A payment of the first page: when it was made, what a later step tells of it, and how often it was missed."""

    made: str = ""
    row: dict[str, str] = {}
    missed: int = 0


class PaymentCursor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`since`: payments made before are not new. `page`: the next of the sweep under way, 0 between sweeps.

    `begun`: a first sweep was made, so that what is not known is new even where a row tells no time.
    """

    since: str = ""
    page: int = 0
    begun: bool = False
    known: dict[str, Remembered] = {}
    pending: list[str] = []
    gone: list[str] = []


class PaymentPoll:
    """One page a step, or some of the payments that it gave."""

    name: ClassVar[str] = "payments"
    triggers: ClassVar[frozenset[str]] = frozenset((RECORDED, PAYMENT_DELETED))
    most: ClassVar[int] = 1 + READS

    async def step(self, session: Session, look: Polling) -> Polled:
        settings = sweep.settings_of(look)
        if not settings.poll_seconds:
            return Polled((), {}, sweep.NEVER)
        try:
            cursor = msgspec.convert(look.cursor, PaymentCursor)
        except msgspec.ValidationError:
            cursor = PaymentCursor()
        cursor.since = cursor.since or sweep.before(sweep.at(look.now), settings.poll_overlap_seconds)
        if not cursor.pending and not cursor.gone:
            await self._page(session, settings, cursor)
        found = [*await _recorded(session, settings, cursor, look)]
        if not found:
            found = [*await _deleted(session, settings, cursor, look)]
        more = bool(cursor.page or cursor.pending or cursor.gone)
        return Polled(found, msgspec.to_builtins(cursor), 0.0 if more else settings.poll_seconds)

    async def _page(self, session: Session, settings: ZohoBooksSettings, cursor: PaymentCursor) -> None:
        page = max(1, cursor.page)
        query = {"sort_column": "created_time", "sort_order": "D"}
        rows, more = await sweep.page_of(session, settings, PAYMENT, page, query)
        made = [sweep.created(row) for row in rows]
        news = 0
        for row, time in zip(rows, made, strict=True):
            id_ = text(row, PAYMENT.id)
            known = cursor.known.get(id_)
            new = bool(id_) and known is None and (time >= cursor.since if time else cursor.begun)
            if new:
                cursor.pending.append(id_)
                news += 1
            if page == 1 or new or known is not None:
                cursor.known[id_] = Remembered(time, {name: text(row, name) for name in KNOWN if text(row, name)})
        ordered = made == sorted(made, reverse=True)
        if page == 1 and ordered:
            _miss(cursor, {text(row, PAYMENT.id) for row in rows}, made[-1] if more and made else "")
        old = any(time < cursor.since for time in made)
        cursor.page = page + 1 if more and not (ordered and (old or not news)) else 0
        if not cursor.page:
            _finish(cursor, settings.poll_overlap_seconds)


def _finish(cursor: PaymentCursor, overlap: float) -> None:
    """The sweep is over: what is older than its overlap is forgotten, but for the newest."""
    newest = max((known.made for known in cursor.known.values()), default="")
    cursor.since = max(cursor.since, sweep.before(newest, overlap) if newest else "")
    cursor.begun = True
    ranked = sorted(cursor.known, key=lambda id_: cursor.known[id_].made, reverse=True)
    kept = [id_ for place, id_ in enumerate(ranked) if place < KEPT or cursor.known[id_].made >= cursor.since]
    cursor.known = {id_: cursor.known[id_] for id_ in kept[:MOST_KEPT]}


def _miss(cursor: PaymentCursor, there: set[str], oldest: str) -> None:
    """Count what the page ought to show and does not. Those that are as old as its last row may be on the next."""
    for id_, known in list(cursor.known.items()):
        if id_ in there:
            continue
        if known.made <= oldest:
            del cursor.known[id_]
            continue
        known.missed += 1
        if known.missed >= MISSED:
            cursor.gone.append(id_)


async def _recorded(session: Session, settings: ZohoBooksSettings, cursor: PaymentCursor, look: Polling) -> list[Found]:
    found: list[Found] = []
    wanted = RECORDED in look.wanted
    for id_ in cursor.pending[:READS] if wanted else ():
        try:
            payment = await read(session, settings, PAYMENT, id_)
        except Refused as error:
            if error.cause != "not_found":
                raise
            continue
        found.append(Found(RECORDED, id_, payment, version_of(payment)))
    cursor.pending = cursor.pending[READS:] if wanted else []
    return found


async def _deleted(session: Session, settings: ZohoBooksSettings, cursor: PaymentCursor, look: Polling) -> list[Found]:
    """Those that cannot be read either."""
    found: list[Found] = []
    wanted = PAYMENT_DELETED in look.wanted
    for id_ in cursor.gone[:READS] if wanted else ():
        known = cursor.known.get(id_, Remembered())
        try:
            await read(session, settings, PAYMENT, id_)
            known.missed = 0
        except Refused as error:
            if error.cause != "not_found":
                raise
            cursor.known.pop(id_, None)
            amount = {"amount": Decimal(known.row["amount"])} if known.row.get("amount") else {}
            found.append(Found(PAYMENT_DELETED, id_, {PAYMENT.id: id_, **known.row, **amount}, DELETED))
    cursor.gone = cursor.gone[READS:] if wanted else []
    return found
