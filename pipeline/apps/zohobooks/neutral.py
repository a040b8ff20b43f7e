"""From Zoho's objects to neutral documents: the way back of `documents` and `receipts`. Pure.

Zoho's days are of the organisation's calendar; as instants they are the midnight in UTC that begins them, so that the
day stays what it is for whoever cuts it in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from pipeline.apps.zohobooks import shapes
from pipeline.apps.zohobooks.receipts import METHODS
from pipeline.apps.zohobooks.triggers import PAYMENT_DELETED, TRIGGERS
from pipeline.apps.zohobooks.versions import version_of
from pipeline.errors import Refused
from pipeline.schemas.documents import (
    Address,
    Allocation,
    CreditNote,
    Document,
    Invoice,
    Line,
    LineKind,
    Party,
    Payment,
    PaymentMethod,
)

ZERO = Decimal(0)
T = TypeVar("T", bound=shapes.Shape)


def document(trigger: str, data: Any) -> Document | None:
    """Raises `Refused` for data that is no object of the trigger."""
    if trigger == PAYMENT_DELETED:
        return None
    version = version_of(data)
    match TRIGGERS[trigger].object:
        case "contact":
            return party(_read(data, shapes.Contact), version)
        case "invoice":
            return invoice(_read(data, shapes.Invoice), version)
        case "payment":
            return payment(_read(data, shapes.Payment), version)
        case _:
            return credit_note(_read(data, shapes.CreditNote), version)


def party(contact: shapes.Contact, version: str = "") -> Party:
    """The primary person's address first; the others after it."""
    persons = sorted(contact.contact_persons, key=lambda person: not person.is_primary_contact)
    emails = [person.email for person in persons if person.email]
    return Party(
        type="contact",
        id=contact.contact_id,
        name=contact.contact_name,
        company=contact.company_name,
        email=emails[0] if emails else "",
        other_emails=emails[1:],
        phone=next((person.phone for person in persons if person.phone), ""),
        currency=contact.currency_code,
        net_term_days=contact.payment_terms,
        address=_address(contact.billing_address),
        version=version,
    )


def invoice(found: shapes.Invoice, version: str = "") -> Invoice:
    return Invoice(
        id=found.invoice_id,
        party=_customer(found.customer_id, found.customer_name, found.currency_code),
        currency=found.currency_code,
        total=found.total,
        lines=_lines(found, found.shipping_charge),
        issued=_midnight(found.date, "date"),
        due=_midnight(found.due_date, "due_date") if found.due_date else None,
        number=found.invoice_number,
        version=version,
        status=found.status,
    )


def payment(found: shapes.Payment, version: str = "") -> Payment:
    return Payment(
        id=found.payment_id,
        party=_customer(found.customer_id, found.customer_name, found.currency_code),
        currency=found.currency_code,
        amount=found.amount,
        paid=_midnight(found.date, "date"),
        allocations=[
            Allocation(invoice=each.invoice_id, amount=each.amount_applied, number=each.invoice_number)
            for each in found.invoices
        ],
        method=METHODS.get(found.payment_mode.replace(" ", "").lower(), PaymentMethod.OTHER),
        number=found.payment_number,
        reference=found.reference_number,
        description=found.description,
        version=version,
        status=found.status,
    )


def credit_note(found: shapes.CreditNote, version: str = "") -> CreditNote:
    return CreditNote(
        id=found.creditnote_id,
        party=_customer(found.customer_id, found.customer_name, found.currency_code),
        currency=found.currency_code,
        total=found.total,
        lines=_lines(found, ZERO),
        issued=_midnight(found.date, "date"),
        allocations=[
            Allocation(invoice=each.invoice_id, amount=each.amount_credited, number=each.invoice_number)
            for each in found.invoices_credited
        ],
        number=found.creditnote_number,
        reference=found.reference_number,
        version=version,
        status=found.status,
    )


def _read(data: Any, shape: type[T]) -> T:
    try:
        return msgspec.convert(data, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(f"not {shape.__name__.lower()} of Zoho Books as it is known here: {error}") from error


def _customer(id_: str, name: str, currency: str) -> Party:
    return Party(type="contact", id=id_, name=name, currency=currency)


def _address(found: dict[str, Any]) -> Address | None:
    """Countries are Zoho's names, not codes."""
    text = {name: str(value) for name, value in found.items() if value}
    if not text:
        return None
    return Address(
        line1=text.get("address", ""),
        line2=text.get("street2", ""),
        city=text.get("city", ""),
        state=text.get("state", ""),
        postal_code=text.get("zip", ""),
        country=text.get("country_code") or text.get("country", ""),
        phone=text.get("phone", ""),
    )


def _lines(found: shapes.Invoice | shapes.CreditNote, shipping: Decimal) -> list[Line]:
    """The lines and what stands below them; what is then missing of the total is a line of its own."""
    lines = [
        Line(
            kind=LineKind.CHARGE,
            source_type="line_item",
            description=item.name or item.description,
            amount=item.item_total,
            quantity=item.quantity,
            unit_price=item.rate,
            details=[item.description] if item.name and item.description else [],
            source_id=item.line_item_id,
        )
        for item in found.line_items
    ]
    below: Sequence[tuple[LineKind, str, Decimal]] = (
        (LineKind.DISCOUNT, "discount", -found.discount_total),
        (LineKind.TAX, "tax", found.tax_total),
        (LineKind.CHARGE, "shipping_charge", shipping),
        (LineKind.CHARGE if found.adjustment > 0 else LineKind.DISCOUNT, "adjustment", found.adjustment),
    )
    lines += [_below(kind, name, amount) for kind, name, amount in below if amount]
    rest = found.total - sum((line.amount for line in lines), ZERO)
    return [*lines, _below(LineKind.UNKNOWN, "rest", rest)] if rest else lines


def _below(kind: LineKind, name: str, amount: Decimal) -> Line:
    return Line(kind=kind, source_type=name, description=name.replace("_", " ").capitalize(), amount=amount)


def _midnight(day: str, name: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time.min, UTC)
    except ValueError:
        raise Refused(f"the {name} {day!r} of Zoho Books is no day") from None
