"""Applying a credit note to an invoice, once: the note says where it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.zohobooks.actions.common import amount_of, read
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.modules import CREDIT_NOTE, INVOICE
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused

MOST = 4
"""Calls: the note, the invoice, the credit, the note again."""
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Credit:
    """What an invoice was credited, and the note after it. `new`: by this call."""

    amount: Decimal
    note: Mapping[str, Any]
    new: bool


async def credit(
    session: Session, settings: ZohoBooksSettings, note_id: str, invoice_id: str, most: Decimal | None
) -> Credit:
    """Apply what is left of a note to what is open of an invoice, `most` at the most.

    A note that was applied to the invoice before is not applied again. Raises `Refused` where nothing can be applied.
    """
    note = await read(session, settings, CREDIT_NOTE, note_id)
    before = credited(note, invoice_id)
    if before:
        return Credit(before, note, new=False)
    number = text(note, "creditnote_number")
    if text(note, "status") not in ("open", "draft"):
        raise Refused(
            f"credit note {number} in Zoho Books is {text(note, 'status')}: nothing of it can be applied",
            cause="conflict",
            code="not_open",
        )
    invoice = await read(session, settings, INVOICE, invoice_id)
    amount = min(amount_of(note, "balance"), amount_of(invoice, "balance"))
    amount = amount if most is None else min(amount, most)
    if amount <= 0 or text(invoice, "status") == "void":
        raise Refused(
            f"nothing is open of invoice {text(invoice, 'invoice_number')}, or left of credit note {number}",
            cause="conflict",
            code="nothing_open",
        )
    body = {"invoices": [{"invoice_id": invoice_id, "amount_applied": amount}]}
    await session.send(CREDIT_NOTE.post(settings, note_id, "invoices", body=body))
    return Credit(amount, await read(session, settings, CREDIT_NOTE, note_id), new=True)


def credited(note: Mapping[str, Any], invoice_id: str) -> Decimal:
    """What a note gave to an invoice."""
    rows = note.get("invoices_credited")
    return sum(
        (
            amount_of(row, "amount_credited" if "amount_credited" in row else "amount_applied")
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and text(row, "invoice_id") == invoice_id
        ),
        ZERO,
    )
