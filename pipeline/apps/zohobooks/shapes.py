"""Zoho's objects as flows may read them: what their fields are called and which type they have.

Fields that Zoho adds are read over. Days are of the organisation's time zone; amounts of the object's currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

ZERO = Decimal(0)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the shapes."""


class ContactPerson(Shape, frozen=True, kw_only=True):
    """A person of a contact; e-mail addresses live here."""

    contact_person_id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    is_primary_contact: bool = False


class CustomField(Shape, frozen=True, kw_only=True):
    """A custom field's value."""

    api_name: str = ""
    label: str = ""
    value: Any = None


class Contact(Shape, frozen=True, kw_only=True):
    """A customer or vendor, as ``GET /contacts/{id}`` gives it. https://www.zoho.com/books/api/v3/contacts/

    `contact_type`: customer, vendor. `status`: active, inactive.
    """

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


class LineItem(Shape, frozen=True, kw_only=True):
    """A line of an invoice or credit note."""

    line_item_id: str = ""
    item_id: str = ""
    name: str = ""
    description: str = ""
    rate: Decimal = ZERO
    quantity: Decimal = ZERO
    item_total: Decimal = ZERO


class Invoice(Shape, frozen=True, kw_only=True):
    """An invoice, as ``GET /invoices/{id}`` gives it. https://www.zoho.com/books/api/v3/invoices/

    `status`: draft, sent, viewed, overdue, unpaid, partially_paid, paid, void.
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
    sub_total: Decimal = ZERO
    discount_total: Decimal = ZERO
    tax_total: Decimal = ZERO
    shipping_charge: Decimal = ZERO
    adjustment: Decimal = ZERO
    total: Decimal = ZERO
    balance: Decimal = ZERO
    payment_made: Decimal = ZERO
    credits_applied: Decimal = ZERO
    write_off_amount: Decimal = ZERO
    custom_fields: list[CustomField] = []
    created_time: str = ""
    last_modified_time: str = ""


class AppliedTo(Shape, frozen=True, kw_only=True):
    """An invoice that a payment settles, as far as `amount_applied`."""

    invoice_id: str = ""
    invoice_number: str = ""
    amount_applied: Decimal = ZERO
    balance_amount: Decimal = ZERO


class Payment(Shape, frozen=True, kw_only=True):
    """A customer's payment, as ``GET /customerpayments/{id}`` gives it.

    `payment_mode`: check, cash, creditcard, banktransfer, bankremittance, autotransaction, others. Of one that was
    deleted only the id is certain. https://www.zoho.com/books/api/v3/customer-payments/
    """

    payment_id: str
    payment_number: str = ""
    reference_number: str = ""
    description: str = ""
    status: str = ""
    customer_id: str = ""
    customer_name: str = ""
    currency_code: str = ""
    payment_mode: str = ""
    amount: Decimal = ZERO
    unused_amount: Decimal = ZERO
    date: str = ""
    invoices: list[AppliedTo] = []
    custom_fields: list[CustomField] = []
    created_time: str = ""
    last_modified_time: str = ""


class Credited(Shape, frozen=True, kw_only=True):
    """An invoice that a credit note is applied to."""

    invoice_id: str = ""
    invoice_number: str = ""
    amount_credited: Decimal = ZERO


class CreditNote(Shape, frozen=True, kw_only=True):
    """A credit note, as ``GET /creditnotes/{id}`` gives it. https://www.zoho.com/books/api/v3/credit-notes/

    `status`: draft, open, closed (nothing is left of it), void.
    """

    creditnote_id: str
    creditnote_number: str = ""
    reference_number: str = ""
    status: str = ""
    customer_id: str = ""
    customer_name: str = ""
    currency_code: str = ""
    date: str = ""
    line_items: list[LineItem] = []
    sub_total: Decimal = ZERO
    discount_total: Decimal = ZERO
    tax_total: Decimal = ZERO
    adjustment: Decimal = ZERO
    total: Decimal = ZERO
    balance: Decimal = ZERO
    invoices_credited: list[Credited] = []
    custom_fields: list[CustomField] = []
    created_time: str = ""
    last_modified_time: str = ""
