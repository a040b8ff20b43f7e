"""From neutral payments and credit notes to Zoho's request bodies. Pure: values in, values out.

https://www.zoho.com/books/api/v3/customer-payments/ and https://www.zoho.com/books/api/v3/credit-notes/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.apps.zohobooks.amounts import plain
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import NUMBER_LENGTH, REFERENCE_LENGTH, checked_key, day
from pipeline.apps.zohobooks.lines import Booking, shortened
from pipeline.apps.zohobooks.ways import Way, shrunk
from pipeline.schemas.documents import CreditNote, Payment, PaymentMethod
from pipeline.schemas.envelope import content_hash

MODES: Mapping[PaymentMethod, str] = {
    PaymentMethod.CASH: "cash",
    PaymentMethod.CHECK: "check",
    PaymentMethod.BANK_TRANSFER: "banktransfer",
    PaymentMethod.CARD: "creditcard",
    PaymentMethod.GATEWAY: "others",
    PaymentMethod.OTHER: "others",
}
METHODS: Mapping[str, PaymentMethod] = {
    "cash": PaymentMethod.CASH,
    "check": PaymentMethod.CHECK,
    "cheque": PaymentMethod.CHECK,
    "banktransfer": PaymentMethod.BANK_TRANSFER,
    "bankremittance": PaymentMethod.BANK_TRANSFER,
    "creditcard": PaymentMethod.CARD,
    "autotransaction": PaymentMethod.GATEWAY,
    "stripe": PaymentMethod.GATEWAY,
    "paypal": PaymentMethod.GATEWAY,
    "razorpay": PaymentMethod.GATEWAY,
}
DESCRIPTION_LENGTH = 500
NOTES_LENGTH = 5000


def payment_body(
    payment: Payment,
    *,
    amount: Decimal,
    parts: Mapping[str, Decimal],
    key: str,
    customer_id: str,
    settings: ZohoBooksSettings,
    way: Way,
    zone: ZoneInfo,
) -> tuple[dict[str, Any], list[str]]:
    """A payment, and warnings. `parts` are what it gives to each invoice, by Zoho's id.

    Where no field of Zoho's is unique, the reference has to tell it from every other, and the payer's is described.
    """
    warnings: list[str] = []
    described = [payment.description]
    reference = payment.reference or payment.number or payment.id
    if not way.keyed or len(reference) > REFERENCE_LENGTH:
        described.append(f"Reference {reference}" if reference != key else "")
        reference = shrunk(key, REFERENCE_LENGTH)
    description = "; ".join(part for part in described if part)
    if len(description) > DESCRIPTION_LENGTH:
        warnings.append(f"description cut to {DESCRIPTION_LENGTH} characters")
    body: dict[str, Any] = {
        "customer_id": customer_id,
        "payment_mode": MODES[payment.method],
        "amount": amount,
        "date": day(payment.paid, zone).isoformat(),
        "reference_number": reference,
        "invoices": [{"invoice_id": id_, "amount_applied": part} for id_, part in parts.items()],
    }
    if description:
        body["description"] = shortened(description, DESCRIPTION_LENGTH)
    if way.field:
        body["custom_fields"] = [{"api_name": settings.payment_field, "value": checked_key(key)}]
    return body, warnings


def payment_hash(payment: Payment) -> str:
    """Of the money: texts may change without making it another payment."""
    parts = sorted((each.invoice, plain(each.amount)) for each in payment.allocations)
    return content_hash([payment.currency, plain(payment.amount), parts])


def credit_note_body(
    note: CreditNote,
    booking: Booking,
    *,
    number: str,
    key: str,
    customer_id: str,
    settings: ZohoBooksSettings,
    way: Way,
    zone: ZoneInfo,
) -> tuple[dict[str, Any], list[str]]:
    """A credit note without its currency, and warnings."""
    warnings = list(booking.warnings)
    reference = note.reference or note.number or note.id
    if not way.keyed or len(reference) > REFERENCE_LENGTH:
        reference = shrunk(key, REFERENCE_LENGTH)
    body: dict[str, Any] = {
        "customer_id": customer_id,
        "date": day(note.issued, zone).isoformat(),
        "reference_number": reference,
        **booking.fields(),
    }
    if number:
        body["creditnote_number"] = shrunk(number, NUMBER_LENGTH)
    if notes := "\n".join(text for text in (note.reason, booking.notes) if text):
        body["notes"] = shortened(notes, NOTES_LENGTH)
    if way.field:
        body["custom_fields"] = [{"api_name": settings.credit_note_field, "value": checked_key(key)}]
    return body, warnings


def credit_note_hash(note: CreditNote) -> str:
    """Of what is credited."""
    lines = [(line.source_type, line.description, plain(line.amount)) for line in note.lines]
    return content_hash([note.currency, plain(note.total), note.issued, lines])
