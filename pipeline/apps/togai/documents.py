"""Togai's objects as neutral documents: an account or customer is a party, an invoice an invoice with flat lines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from pipeline.apps.togai.lines import MAX_DIGITS, flat_lines
from pipeline.errors import Refused
from pipeline.schemas import documents, togai
from pipeline.schemas.documents import Line, LineKind
from pipeline.schemas.togai import as_utc

ACCOUNT, CUSTOMER, GROUP, INVOICE, SETTING = "account", "customer", "invoice_group", "invoice", "setting"
PAYMENT, CREDIT = "payment", "credit"
"""Togai's nouns, as `ObjectRef.type` and `Party.type` have them."""

TAX_KEYS = ("GSTN", "VATN")
"""Keys of an account's metadata that hold tax numbers: the API's own examples."""

Read = TypeVar("Read", bound=togai.TogaiObject)


def read(kind: type[Read], data: Any) -> Read:
    """An event's data as Togai's object. Raises `Refused` where it has not the shape."""
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Refused(f"this is no {kind.__name__.lower()} of Togai: {error}", cause="invalid") from error


def version(time: datetime | None) -> str:
    """`updatedAt` so that later ones sort behind earlier ones as text; "" where there is none."""
    return "" if time is None else f"{as_utc(time).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def party_of_account(account: togai.Account) -> documents.Party:
    """The account; what it lacks of mail and address is its customer's, where the fetch brought that along."""
    parent = account.customer
    if not account.name:
        raise _nameless(ACCOUNT, account.id)
    email = account.primary_email or (parent.primary_email if parent else None) or ""
    billing = account.billing_information or togai.BillingInformation()
    others = (*(billing.email_recipients or ()), *(billing.additional_email_recipients or ()))
    address = account.address or (parent.address if parent else None)
    metadata = account.metadata or {}
    return documents.Party(
        type=ACCOUNT,
        id=account.id,
        name=account.name,
        company=(parent.name if parent else "") or "",
        email=email,
        other_emails=_others(email, others),
        phone=(address.phone_number if address else None) or "",
        currency=_currency(account.invoice_currency),
        net_term_days=account.net_term_days,
        address=_address(address),
        tax_ids={key: str(metadata[key]) for key in TAX_KEYS if metadata.get(key)},
    )


def party_of_customer(customer: togai.Customer) -> documents.Party:
    if not customer.name:
        raise _nameless(CUSTOMER, customer.id)
    return documents.Party(
        type=CUSTOMER,
        id=customer.id,
        name=customer.name,
        email=customer.primary_email or "",
        phone=(customer.address.phone_number if customer.address else None) or "",
        address=_address(customer.address),
        version=version(customer.updated_at),
    )


def _nameless(noun: str, id_: str) -> Refused:
    """Togai's have a name each: without it this is a part of the object, and would empty what the books hold."""
    return Refused(f"{noun} {id_} has no name: send the whole object, or a hint", cause="invalid", code="no_name")


def invoice_document(invoice: togai.Invoice) -> documents.Invoice:
    """The invoice with its lines. Raises `Refused` where it has no total, no date or no party."""
    tree = invoice.revenue_info
    total = invoice.total_amount if invoice.total_amount is not None else (tree.value if tree else None)
    if total is None:
        raise Refused(f"invoice {invoice.id} has no totalAmount and no revenueInfo", cause="invalid", code="no_total")
    if not total.is_finite() or total.adjusted() > MAX_DIGITS:
        raise Refused(f"invoice {invoice.id} has the total {total}: no amount of money", cause="invalid")
    issued = invoice.invoice_date or invoice.generated_at
    if issued is None:
        raise Refused(f"invoice {invoice.id} has no invoiceDate", cause="invalid", code="no_date")
    issued = as_utc(issued)
    details = invoice.invoice_details or togai.InvoiceDetails()
    currency = _invoice_currency(tree, details)
    party = _party(invoice, details, currency)
    return documents.Invoice(
        id=invoice.id,
        party=party,
        currency=currency,
        total=total,
        lines=_lines(invoice, tree, total, composite=party.type == GROUP),
        issued=issued,
        number=invoice.sequence_id or "",
        due=_due(invoice, issued),
        net_term_days=invoice.net_term_days,
        period_start=as_utc(invoice.start_date) if invoice.start_date else None,
        period_end=as_utc(invoice.end_date) if invoice.end_date else None,
        version=version(invoice.updated_at),
        status=invoice.status,
        title=details.price_plan_name or "",
    )


def _lines(
    invoice: togai.Invoice, tree: togai.InvoiceLineItem | None, total: Decimal, *, composite: bool
) -> list[Line]:
    if tree is not None:
        try:
            return flat_lines(tree, total, composite=composite)
        except (RecursionError, ArithmeticError) as error:
            reason = "it nests too deeply" if isinstance(error, RecursionError) else "a value is no amount of money"
            raise Refused(f"the tree of invoice {invoice.id} cannot be read: {reason}", cause="invalid") from error
    description = f"Invoice {invoice.sequence_id or invoice.id}"
    kind = LineKind.DISCOUNT if total < 0 else LineKind.CHARGE
    return [Line(kind=kind, source_type="", description=description, amount=total)]


def _party(invoice: togai.Invoice, details: togai.InvoiceDetails, currency: str) -> documents.Party:
    owner = invoice.owner_id
    group = details.invoice_group
    grouped = invoice.invoice_type == "COMPOSITE" or (group is not None and group.id in (None, owner))
    if grouped:
        group = group or togai.InvoiceGroup()
        return _group(group, owner or group.id or "", invoice, currency)
    id_ = owner or invoice.customer_id
    if not id_:
        raise Refused(f"invoice {invoice.id} has no ownerId and no customerId", cause="invalid", code="no_party")
    account = details.account or togai.InvoiceParty()
    customer = details.customer or togai.InvoiceParty()
    address = account.address or customer.address
    return documents.Party(
        type=ACCOUNT,
        id=id_,
        name=account.name or customer.name or id_,
        company=customer.name or "",
        email=account.primary_email or customer.primary_email or "",
        phone=(address.phone_number if address else None) or "",
        currency=_currency(account.invoice_currency) or currency,
        net_term_days=invoice.net_term_days,
        address=_address(address),
    )


def _group(group: togai.InvoiceGroup, id_: str, invoice: togai.Invoice, currency: str) -> documents.Party:
    if not id_:
        raise Refused(f"composite invoice {invoice.id} names no invoice group", cause="invalid", code="no_party")
    address = group.address or group.billing_address
    return documents.Party(
        type=GROUP,
        id=id_,
        name=group.name or id_,
        email=group.email or "",
        phone=(address.phone_number if address else None) or "",
        currency=_currency(group.invoice_currency) or currency,
        net_term_days=group.net_term_days if group.net_term_days is not None else invoice.net_term_days,
        address=_address(address),
    )


def _due(invoice: togai.Invoice, issued: datetime) -> datetime | None:
    if invoice.due_date is not None:
        return as_utc(invoice.due_date)
    if invoice.net_term_days is None:
        return None
    try:
        return issued + timedelta(days=invoice.net_term_days)
    except OverflowError:
        return None


def _invoice_currency(tree: togai.InvoiceLineItem | None, details: togai.InvoiceDetails) -> str:
    return (
        _currency(tree.units if tree else None)
        or _currency(details.account.invoice_currency if details.account else None)
        or _currency(details.invoice_group.invoice_currency if details.invoice_group else None)
    )


def _currency(code: str | None) -> str:
    """An ISO 4217 code in capitals; "" for what is none (``USAGE_UNITS``)."""
    return code.upper() if code and len(code) == 3 and code.isalpha() else ""


def _address(address: togai.Address | None) -> documents.Address | None:
    if address is None:
        return None
    return documents.Address(
        line1=address.line1 or "",
        line2=address.line2 or "",
        city=address.city or "",
        state=address.state or "",
        postal_code=address.postal_code or "",
        country=address.country or "",
        phone=address.phone_number or "",
    )


def _others(email: str, found: Iterable[str]) -> list[str]:
    """Each other address once, in order."""
    return [one for one in dict.fromkeys(found) if one and one != email]
