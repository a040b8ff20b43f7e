"""The events Zoho Books offers. They come from its workflow webhooks or from whoever sends them; nothing polls yet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.apps.base import Trigger
from pipeline.apps.zohobooks import samples
from pipeline.apps.zohobooks.wire import text


class ContactPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person of a contact; e-mail addresses live here."""

    contact_person_id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    is_primary_contact: bool = False


class CustomField(msgspec.Struct, frozen=True, kw_only=True):
    """A custom field's value."""

    api_name: str = ""
    label: str = ""
    value: Any = None


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A customer or vendor, as ``GET /contacts/{id}`` gives it. https://www.zoho.com/books/api/v3/contacts/"""

    contact_id: str
    contact_name: str = ""
    company_name: str = ""
    contact_type: str = ""
    status: str = ""
    currency_id: str = ""
    currency_code: str = ""
    payment_terms: int = 0
    payment_terms_label: str = ""
    contact_persons: list[ContactPerson] = []
    billing_address: dict[str, Any] = {}
    shipping_address: dict[str, Any] = {}
    custom_fields: list[CustomField] = []
    created_time: str = ""
    last_modified_time: str = ""


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice."""

    line_item_id: str = ""
    item_id: str = ""
    name: str = ""
    description: str = ""
    rate: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    item_total: Decimal = Decimal(0)


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice, as ``GET /invoices/{id}`` gives it. https://www.zoho.com/books/api/v3/invoices/

    `status`: draft, sent, viewed, overdue, unpaid, partially_paid, paid, void. Days are of the organisation's zone.
    """

    invoice_id: str
    invoice_number: str = ""
    reference_number: str = ""
    status: str = ""
    customer_id: str = ""
    customer_name: str = ""
    currency_code: str = ""
    date: str = ""
    due_date: str = ""
    line_items: list[LineItem] = []
    sub_total: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    adjustment: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)
    custom_fields: list[CustomField] = []
    created_time: str = ""
    last_modified_time: str = ""


IDS = {"contact": "contact_id", "invoice": "invoice_id"}
"""Zoho's name of an object's id."""


def _contact(name: str, title: str) -> Trigger:
    return Trigger(name, title, "contact", Contact, samples.CONTACT, fetch="get_contact")


def _invoice(name: str, title: str) -> Trigger:
    return Trigger(name, title, "invoice", Invoice, samples.INVOICE, fetch="get_invoice")


TRIGGERS: Mapping[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        _contact("contact.created", "A customer was created"),
        _contact("contact.updated", "A customer was edited"),
        _invoice("invoice.created", "An invoice was created"),
        _invoice("invoice.updated", "An invoice was edited"),
        _invoice("invoice.paid", "An invoice was paid in full"),
        _invoice("invoice.voided", "An invoice was made void"),
    )
}


def party_of(trigger: str, data: Any) -> str:
    """The contact whose order matters; "" where it cannot be told."""
    if not isinstance(data, dict):
        return ""
    return text(data, "contact_id" if trigger.startswith("contact.") else "customer_id")


def version_of(data: Any) -> str:
    """Zoho's time of the last change, as it gives it: with the organisation's offset, without a colon in it."""
    return text(data, "last_modified_time") if isinstance(data, dict) else ""
