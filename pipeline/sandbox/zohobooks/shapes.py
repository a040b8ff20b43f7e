"""What bodies may hold: fields, their kinds and lengths, and what must be there; all else is refused.

From the OpenAPI documents and pages of the API (https://www.zoho.com/books/api/v3/introduction/). The real API takes
some things that these do not list and ignores others; the twin is strict, so that what it takes is sure to be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, TOO_LONG, UNKNOWN_FIELD, bad

AMOUNT, FLAG, WHOLE, DAY, ID = "an amount", "true or false", "a whole number", "a day (yyyy-mm-dd)", "an id"
FREE = 0
"""A text whose length is not published."""

Kind = str | int | Mapping[str, Any] | list[Any]
"""One of the above, a text's greatest length, an object's fields, or a list of what its one element says."""

CUSTOM_FIELDS: Kind = [{"customfield_id": ID, "api_name": 100, "label": 100, "index": WHOLE, "value": "anything"}]
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
CONTACT: Mapping[str, Kind] = {
    "contact_name": 200,
    "company_name": 200,
    "contact_type": 20,
    "contact_number": 200,
    "currency_id": ID,
    "payment_terms": WHOLE,
    "payment_terms_label": 100,
    "credit_limit": AMOUNT,
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
    "gst_treatment": FREE,
    "place_of_contact": FREE,
    "pan_no": FREE,
    "vat_reg_no": 12,
    "vat_treatment": FREE,
    "tax_reg_no": FREE,
    "tax_treatment": FREE,
    "country_code": FREE,
    "is_taxable": FLAG,
    "tax_id": ID,
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
        "rate": AMOUNT,
        "quantity": AMOUNT,
        "unit": 100,
        "discount": "anything",
        "discount_amount": AMOUNT,
        "tax_id": ID,
        "item_order": WHOLE,
        "header_name": 100,
        "hsn_or_sac": FREE,
        "project_id": ID,
        "product_type": FREE,
    }
]
DOCUMENT: Mapping[str, Kind] = {
    "customer_id": ID,
    "line_items": LINES,
    "currency_id": ID,
    "currency_code": 3,
    "exchange_rate": AMOUNT,
    "reference_number": 100,
    "date": DAY,
    "discount": "anything",
    "discount_type": 20,
    "is_discount_before_tax": FLAG,
    "is_inclusive_tax": FLAG,
    "custom_fields": CUSTOM_FIELDS,
    "notes": FREE,
    "terms": FREE,
    "adjustment": AMOUNT,
    "adjustment_description": 100,
    "place_of_supply": FREE,
    "gst_treatment": FREE,
    "template_id": ID,
    "salesperson_name": FREE,
}
INVOICE: Mapping[str, Kind] = {
    **DOCUMENT,
    "invoice_number": 100,
    "due_date": DAY,
    "payment_terms": WHOLE,
    "payment_terms_label": 100,
    "shipping_charge": AMOUNT,
    "contact_persons": [ID],
    "tax_id": ID,
    "billing_address_id": ID,
    "vat_treatment": FREE,
    "allow_partial_payments": FLAG,
    "ignore_auto_number_generation": FLAG,
}
CREDIT_NOTE: Mapping[str, Kind] = {
    **DOCUMENT,
    "reference_number": 50,
    "creditnote_number": 100,
    "is_draft": FLAG,
}
APPLIED: Kind = [{"invoice_id": ID, "amount_applied": AMOUNT, "tax_amount_withheld": AMOUNT}]
PAYMENT: Mapping[str, Kind] = {
    "customer_id": ID,
    "payment_mode": 100,
    "amount": AMOUNT,
    "date": DAY,
    "invoices": APPLIED,
    "reference_number": 50,
    "description": FREE,
    "exchange_rate": AMOUNT,
    "bank_charges": AMOUNT,
    "account_id": ID,
    "custom_fields": CUSTOM_FIELDS,
}
APPLICATION: Mapping[str, Kind] = {"invoices": APPLIED}
REFUND: Mapping[str, Kind] = {
    "date": DAY,
    "refund_mode": 50,
    "reference_number": 50,
    "amount": AMOUNT,
    "exchange_rate": AMOUNT,
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
    for name in needed:
        if body.get(name) in (None, "", []):
            raise bad(MISSING, f"Please enter a valid value for {name}")
    _object(body, shape, "")


def _object(value: Any, shape: Mapping[str, Kind], path: str) -> None:
    if not isinstance(value, dict):
        raise _invalid(path)
    for name, part in value.items():
        if name not in shape:
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
        case int():
            if not isinstance(value, str):
                raise _invalid(path)
            if kind and len(value) > kind:
                raise bad(TOO_LONG, f"Please ensure that the {path} has less than {kind + 1} characters.")
        case _:
            if not _fits(value, kind):
                raise _invalid(path)


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "anything":
            return not isinstance(value, (list, dict))
        case "true or false":
            return isinstance(value, bool)
        case "an id":
            return isinstance(value, (str, int)) and not isinstance(value, bool)
        case "a day (yyyy-mm-dd)":
            return isinstance(value, str) and (not value or len(value) == 10)
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return False
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and (kind == AMOUNT or number == number.to_integral_value())


def _invalid(path: str) -> Exception:
    return bad(BAD_VALUE, f"Invalid value passed for {path}")
