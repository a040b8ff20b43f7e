"""What bodies may hold: fields, their kinds and lengths, and what must be there; all else is refused.

From the OpenAPI documents and pages of the API (https://www.zoho.com/books/api/v3/introduction/). The real API takes
some things that these do not list and ignores others; the twin is strict, so that what it takes is sure to be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, TOO_LONG, UNKNOWN_FIELD, bad

AMOUNT, FLAG, WHOLE, DAY, ID = "an amount", "true or false", "a whole number", "a day (yyyy-mm-dd)", "an id"
ABOVE_ZERO, NOT_NEGATIVE, DAYS = "an amount above zero", "an amount of zero or more", "a number of days"
FREE = 0
"""A text whose length is not published."""
LONGEST_ID = 19
"""Digits of an id."""
NEEDED = "*"
"""Key of an object's shape for what must be there; of a tuple within, one."""


class OneOf(frozenset[str]):
    """The values that a field takes."""


Kind = str | int | OneOf | Mapping[str, Any] | list[Any] | tuple[Any, ...]
"""One of the above, a text's greatest length, an object's fields, or a list of what its one element says."""

CUSTOM_FIELDS: Kind = [
    {
        "customfield_id": ID,
        "api_name": 100,
        "label": 100,
        "index": WHOLE,
        "value": "anything",
        NEEDED: (("customfield_id", "api_name", "label", "index"),),
    }
]
ADDRESS: Mapping[str, Kind] = {
    "attention": 100,
    "address": 500,
    "street2": 255,
    "city": 100,
    "state": 100,
    "state_code": 100,
    "zip": 50,
    "country": 100,
    "phone": 50,
    "fax": 50,
}
PERSON: Mapping[str, Kind] = {
    "salutation": 25,
    "first_name": 100,
    "last_name": 100,
    "email": 100,
    "phone": 50,
    "mobile": 50,
    "designation": 100,
    "department": 50,
}
GST_TREATMENT = OneOf({"business_gst", "business_none", "overseas", "consumer"})
VAT_TREATMENT = OneOf({"uk", "eu_vat_registered", "overseas"})
MODES = OneOf({"check", "cash", "creditcard", "banktransfer", "bankremittance", "autotransaction", "others"})
CONTACT: Mapping[str, Kind] = {
    "contact_name": 200,
    "company_name": 200,
    "contact_type": OneOf({"customer", "vendor"}),
    "contact_number": 200,
    "currency_id": ID,
    "payment_terms": DAYS,
    "payment_terms_label": 100,
    "credit_limit": NOT_NEGATIVE,
    "notes": FREE,
    "website": FREE,
    "language_code": FREE,
    "owner_id": ID,
    "pricebook_id": ID,
    "contact_persons": [
        {**PERSON, "contact_person_id": ID, "is_primary_contact": FLAG, "enable_portal": FLAG},
    ],
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "gst_no": 15,
    "gst_treatment": GST_TREATMENT,
    "place_of_contact": FREE,
    "pan_no": FREE,
    "vat_reg_no": 12,
    "vat_treatment": VAT_TREATMENT,
    "tax_reg_no": FREE,
    "tax_treatment": FREE,
    "country_code": FREE,
    "is_taxable": FLAG,
    "tax_id": ID,
    "tax_exemption_id": ID,
    "custom_fields": CUSTOM_FIELDS,
    "ignore_auto_number_generation": FLAG,
    "email": 100,
}
LINES: Kind = [
    {
        "line_item_id": ID,
        "item_id": ID,
        "name": 100,
        "description": 2000,
        "rate": NOT_NEGATIVE,
        "quantity": ABOVE_ZERO,
        "unit": 100,
        "discount": "anything",
        "discount_amount": AMOUNT,
        "tax_id": ID,
        "item_order": WHOLE,
        "header_name": 100,
        "hsn_or_sac": FREE,
        "project_id": ID,
        "product_type": FREE,
        NEEDED: (("item_id", "name"), ("item_id", "rate")),
    }
]
DOCUMENT: Mapping[str, Kind] = {
    "customer_id": ID,
    "line_items": LINES,
    "currency_id": ID,
    "currency_code": 3,
    "exchange_rate": ABOVE_ZERO,
    "reference_number": 50,
    "date": DAY,
    "discount": "anything",
    "discount_type": OneOf({"entity_level", "item_level"}),
    "is_discount_before_tax": FLAG,
    "is_inclusive_tax": FLAG,
    "custom_fields": CUSTOM_FIELDS,
    "notes": FREE,
    "terms": FREE,
    "adjustment": AMOUNT,
    "adjustment_description": 100,
    "place_of_supply": FREE,
    "gst_treatment": GST_TREATMENT,
    "template_id": ID,
    "location_id": ID,
    "salesperson_name": FREE,
}
INVOICE: Mapping[str, Kind] = {
    **DOCUMENT,
    "invoice_number": 100,
    "due_date": DAY,
    "payment_terms": DAYS,
    "payment_terms_label": 100,
    "shipping_charge": NOT_NEGATIVE,
    "contact_persons": [ID],
    "tax_id": ID,
    "billing_address_id": ID,
    "vat_treatment": VAT_TREATMENT,
    "allow_partial_payments": FLAG,
    "ignore_auto_number_generation": FLAG,
}
CREDIT_NOTE: Mapping[str, Kind] = {
    **DOCUMENT,
    "creditnote_number": 100,
    "is_draft": FLAG,
}
APPLIED: Kind = [
    {
        "invoice_id": ID,
        "amount_applied": ABOVE_ZERO,
        "tax_amount_withheld": NOT_NEGATIVE,
        NEEDED: ("invoice_id", "amount_applied"),
    }
]
PAYMENT: Mapping[str, Kind] = {
    "customer_id": ID,
    "payment_mode": MODES,
    "amount": ABOVE_ZERO,
    "date": DAY,
    "invoices": APPLIED,
    "reference_number": 50,
    "description": FREE,
    "exchange_rate": ABOVE_ZERO,
    "bank_charges": NOT_NEGATIVE,
    "account_id": ID,
    "custom_fields": CUSTOM_FIELDS,
}
APPLICATION: Mapping[str, Kind] = {"invoices": APPLIED}
REFUND: Mapping[str, Kind] = {
    "date": DAY,
    "refund_mode": MODES,
    "reference_number": 50,
    "amount": ABOVE_ZERO,
    "exchange_rate": ABOVE_ZERO,
    "from_account_id": ID,
    "description": FREE,
}
EMAIL: Mapping[str, Kind] = {
    "to_mail_ids": [100],
    "cc_mail_ids": [100],
    "subject": 1000,
    "body": 5000,
    "send_from_org_email_id": FLAG,
}
ITEM: Mapping[str, Kind] = {
    "name": 100,
    "rate": AMOUNT,
    "description": 2000,
    "unit": 100,
    "sku": 100,
    "tax_id": ID,
    "product_type": FREE,
    "custom_fields": CUSTOM_FIELDS,
}


def check(body: Json, shape: Mapping[str, Kind], *needed: str) -> None:
    """Refuse what the shape does not know, what is too long or of another kind, and a body that lacks `needed`."""
    _needed(body, needed, "")
    _object(body, shape, "")


def _needed(value: Json, needed: tuple[str | tuple[str, ...], ...], path: str) -> None:
    for names in needed:
        each = (names,) if isinstance(names, str) else names
        if all(value.get(name) in (None, "", []) for name in each):
            raise bad(MISSING, f"Please enter a valid value for {path}{each[0]}")


def _object(value: Any, shape: Mapping[str, Kind], path: str) -> None:
    if not isinstance(value, dict):
        raise _invalid(path)
    if isinstance(needed := shape.get(NEEDED), tuple):
        _needed(value, needed, path)
    for name, part in value.items():
        if name not in shape or name == NEEDED:
            raise bad(UNKNOWN_FIELD, f"Invalid Element {path}{name}")
        if part is not None:
            _value(part, shape[name], f"{path}{name}")


def _value(value: Any, kind: Kind, path: str) -> None:
    match kind:
        case list():
            if not isinstance(value, list):
                raise _invalid(path)
            for part in value:
                _value(part, kind[0], path)
        case Mapping():
            _object(value, kind, f"{path}.")
        case OneOf():
            if value not in kind:
                raise _invalid(path)
        case int():
            if not isinstance(value, str):
                raise _invalid(path)
            if kind and len(value) > kind:
                raise bad(TOO_LONG, f"Please ensure that the {path} has less than {kind + 1} characters.")
        case str():
            if not _fits(value, kind):
                raise _invalid(path)


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "anything":
            return not isinstance(value, (list, dict))
        case "true or false":
            return isinstance(value, bool)
        case "an id":
            text = "" if isinstance(value, bool) else str(value)
            return text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID
        case "a day (yyyy-mm-dd)":
            return isinstance(value, str) and (not value or _day(value))
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return False
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    if not number.is_finite():
        return False
    match kind:
        case "a whole number":
            return number == number.to_integral_value()
        case "a number of days":
            return number >= 0 and number == number.to_integral_value()
        case "an amount above zero":
            return number > 0
        case "an amount of zero or more":
            return number >= 0
    return True


def _day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _invalid(path: str) -> Exception:
    return bad(BAD_VALUE, f"Invalid value passed for {path}")
