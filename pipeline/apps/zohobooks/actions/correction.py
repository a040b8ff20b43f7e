"""A document that was sent, corrected by a credit note over what it is too high."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, read
from pipeline.apps.zohobooks.actions.credit import MOST as APPLYING
from pipeline.apps.zohobooks.actions.credit import credit
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import REFERENCE_LENGTH, checked_key
from pipeline.apps.zohobooks.lines import shortened
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.wire import keyed, request, text

MOST = 2 + APPLYING
"""Calls: the note, its application, the invoice again."""


async def correct(
    session: Session, settings: ZohoBooksSettings, invoice: Mapping[str, Any], off: Decimal, key: str
) -> tuple[str, Mapping[str, Any]]:
    """The id of the credit note over `off`, and the invoice after it. What is open of the invoice is credited.

    Of an invoice that is paid nothing is open: the note stays with the customer.
    """
    id_, number = text(invoice, "invoice_id"), text(invoice, "invoice_number")
    body = {
        "customer_id": text(invoice, "customer_id"),
        "date": text(invoice, "date"),
        "reference_number": shortened(number, REFERENCE_LENGTH),
        "line_items": [{"name": shortened(f"Correction of invoice {number}", 100), "rate": off, "quantity": 1}],
        "custom_fields": [{"api_name": settings.credit_note_field, "value": checked_key(key)}],
    }
    sent = request(settings, "PUT", "creditnotes", headers=keyed(settings.credit_note_field, key), body=body)
    note_id, _ = object_of(await session.send(sent), "creditnote", "creditnote_id")
    if amount_of(invoice, "balance") > 0:
        await credit(session, settings, note_id, id_, None)
    return note_id, await read(session, settings, INVOICE, id_)
