"""An invoice without a unique field: found by a number of ours, else created under it. See `ways`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.apps.base import Request, Session
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.actions.common import object_of
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import NUMBER_LENGTH, REFERENCE_LENGTH
from pipeline.apps.zohobooks.lookup import PAGES, ids_of, listed
from pipeline.apps.zohobooks.ways import shrunk
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused, Retry

MOST = 2 * PAGES + 2
"""Calls: the list, the create, the list again where Zoho refuses, and an update of a draft."""
NOT_OF_THE_NUMBER = frozenset((faults.TOO_LONG, faults.NUMBER_MISMATCH))
"""Refusals that surely do not say that the number is taken."""
OURS = {"ignore_auto_number_generation": "true"}
"""In the query: Zoho takes a number of ours only with it; in the body alone it is error 4097."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """What to book, and by what it is known: number, reference and customer of `body`, and `key` in our field."""

    settings: ZohoBooksSettings
    body: Mapping[str, Any]
    key: str
    total: Decimal

    @property
    def number(self) -> str:
        return str(self.body["invoice_number"])

    def create(self) -> Request:
        return request(self.settings, "POST", "invoices", query=OURS, body=self.body)

    def update(self, id_: str) -> Request:
        return request(self.settings, "PUT", "invoices", id_, query=OURS, body=self.body)

    def is_ours(self, row: Mapping[str, Any]) -> bool:
        """Every field that we wrote is compared; our own field only where the row shows it."""
        known = text(row, self.settings.invoice_field)
        return known in ("", self.key) and all(
            text(row, name) == self.body[name] for name in ("invoice_number", "reference_number", "customer_id")
        )


@dataclass(frozen=True, slots=True)
class Held:
    """An invoice that is certain to be ours. `how`: ``created`` | ``found`` | ``updated``, the last two by look-up."""

    invoice: Mapping[str, Any]
    how: str


def own_number(number: str, id_: str) -> str:
    """The number of an invoice: its source's, or one made from its id. The same one whenever it is asked for."""
    return shrunk(number or f"TG-{id_}", NUMBER_LENGTH)


def own_reference(reference: str) -> str:
    """The reference by which an invoice is known; the same one whenever it is asked for."""
    return shrunk(reference, REFERENCE_LENGTH)


async def hold(session: Session, wanted: Numbered) -> Held:
    """The invoice of our number: found, as a draft of another total brought up to date, or created.

    Whatever a refusal of the create says (no public source names the code of a taken number), the list decides. Raises
    `Refused` where the number is another document's, `Retry` where the list does not show yet whose it is.
    """
    found = await _found(session, wanted)
    if found is not None:
        return found
    try:
        answer = await session.send(wanted.create())
    except Refused as error:
        if error.code in NOT_OF_THE_NUMBER:
            raise
        found = await _found(session, wanted)
        if found is not None:
            return found
        if error.cause == "conflict":
            raise Retry(
                f"Zoho Books has the invoice number {wanted.number!r}, and its list does not show it yet",
                code="not_listed",
            ) from None
        raise
    return Held(object_of(answer, "invoice", "invoice_id")[1], "created")


async def _found(session: Session, wanted: Numbered) -> Held | None:
    """Our invoice; None where nobody has the number. Raises `Refused` where it is another's, or several are ours."""
    rows = await listed(session, wanted.settings, "invoices", "invoice_number", wanted.number)
    rows = [row for row in rows if text(row, "invoice_number").casefold() == wanted.number.casefold()]
    if not rows:
        return None
    ours = [row for row in rows if wanted.is_ours(row)]
    if len(ours) != 1:
        raise _taken(wanted, rows)
    row = ours[0]
    if text(row, "status") != "draft" or _total(row) == wanted.total:
        return Held(row, "found")
    answer = await session.send(wanted.update(text(row, "invoice_id")))
    return Held(object_of(answer, "invoice", "invoice_id")[1], "updated")


def _taken(wanted: Numbered, rows: Sequence[Mapping[str, Any]]) -> Refused:
    shown = ids_of(list(rows), "invoice_id")
    return Refused(
        f"the invoice number {wanted.number!r} is that of invoice {shown} in Zoho Books, which is not the one of "
        f"reference {text(wanted.body, 'reference_number')!r} and customer {text(wanted.body, 'customer_id')}: give it "
        "another number there, then redrive",
        cause="conflict",
        code="number_taken",
    )


def _total(row: Mapping[str, Any]) -> Decimal | None:
    try:
        return Decimal(text(row, "total"))
    except InvalidOperation:
        return None
