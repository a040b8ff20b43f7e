"""What invoices and credit notes share: customer, currency, dates, numbered lines and totals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import (
    BAD_VALUE,
    CURRENCY_DIFFERS,
    DUPLICATE_NUMBER,
    MISSING,
    NUMBER_MISMATCH,
    bad,
    check_lengths,
)
from pipeline.sandbox.zohobooks.money import decimal, price_line, totals
from pipeline.sandbox.zohobooks.state import Books, Module

LINE_LENGTHS = {"name": 100, "description": 2000, "unit": 100}


def customer_and_currency(books: Books, body: Json) -> Json:
    """The fields that come from the customer. A document has its customer's currency; another one is refused."""
    if not body.get("customer_id"):
        raise bad(MISSING, "Please select a customer")
    contact = books.contacts.get(str(body["customer_id"]), "Customer")
    if contact["status"] != "active":
        raise bad(BAD_VALUE, "The customer is inactive")
    named = books.currency(body)
    if named is not None and named["currency_code"] != contact["currency_code"]:
        raise bad(
            CURRENCY_DIFFERS,
            f"The currency {named['currency_code']} is not the customer's currency {contact['currency_code']}.",
        )
    currency = books.currencies[contact["currency_code"]]
    rate = body.get("exchange_rate")
    if named is not None and rate is None and not currency["is_base_currency"]:
        raise bad(MISSING, "Please enter the exchange rate of the currency")
    return {
        "customer_id": contact["contact_id"],
        "customer_name": contact["contact_name"],
        "currency_id": currency["currency_id"],
        "currency_code": currency["currency_code"],
        "price_precision": currency["price_precision"],
        "exchange_rate": currency["exchange_rate"] if rate is None else decimal(rate, "exchange_rate"),
    }


def number_of(
    books: Books, module: Module, body: Json, field: str, prefix: str, *, ours: bool, current: str = ""
) -> str:
    """The document's number: automatic, or the caller's own.

    With automatic numbers on, an own one needs `ours` (``ignore_auto_number_generation=true`` in the query), else it's
    4097. Numbers are unique in an organisation. `current` is what the document has already.
    """
    given = str(body.get(field) or "")
    automatic = books.config.auto_number_invoices
    if not given:
        if current:
            return current
        if not automatic or ours:
            raise bad(MISSING, f"{field} is missing")
        return books.number(prefix)
    if given == current:
        return current
    if automatic and not ours:
        raise bad(NUMBER_MISMATCH, "Number entered does not match the auto-generated number")
    check_lengths(body, {field: 100})
    if module.named(given):
        raise bad(DUPLICATE_NUMBER, f'The number "{given}" already exists.')
    return given


def lines_of(books: Books, body: Json, precision: int, before: list[Json]) -> list[Json]:
    """The lines of a body, priced. They replace all lines: only one that brings its `line_item_id` keeps that id."""
    given = body.get("line_items")
    if not isinstance(given, list) or not given:
        raise bad(MISSING, "Please add a line item")
    known = {line["line_item_id"] for line in before}
    item_level = body.get("discount_type") == "item_level"
    taxes = {tax.id for tax in books.config.taxes}
    lines = []
    for order, line in enumerate(given):
        check_lengths(line, LINE_LENGTHS)
        name, item_id = str(line.get("name") or ""), str(line.get("item_id") or "")
        if item_id:
            item = books.items.get(item_id, "Item")
            name = name or item["name"]
            line = {"rate": item["rate"], **line}  # noqa: PLW2901 - the item's rate is the default
        if not name and not line.get("description"):
            raise bad(MISSING, "Please enter the name or the description of the line item")
        tax_id = str(line.get("tax_id") or "")
        if tax_id and tax_id not in taxes:
            raise bad(BAD_VALUE, "Invalid value passed for tax_id")
        sent_id = str(line.get("line_item_id") or "")
        if sent_id and sent_id not in known:
            raise bad(BAD_VALUE, "Invalid value passed for line_item_id")
        lines.append(
            {
                "line_item_id": sent_id or books.ids(),
                "item_id": item_id,
                "item_order": order,
                "name": name,
                "description": str(line.get("description") or ""),
                "unit": str(line.get("unit") or ""),
                "tax_id": tax_id,
                "discount": line.get("discount") or 0,
                **price_line(line, precision, item_level=item_level),
            }
        )
    return lines


def sums(books: Books, document: Json) -> Json:
    """The totals of a document as it stands."""
    taxes = {tax.id: tax.percentage for tax in books.config.taxes}
    return totals(document, document["line_items"], taxes, document["price_precision"])


def day(books: Books, value: Any, name: str) -> str:
    """A calendar day ``yyyy-mm-dd``; today in the organisation's time zone where the body has none."""
    if not value:
        return books.today().isoformat()
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise bad(BAD_VALUE, f"Invalid value passed for {name}") from error


def positive(value: Any, name: str) -> Decimal:
    """An amount above zero."""
    amount = decimal(value, name)
    if amount <= 0:
        raise bad(BAD_VALUE, f"{name} must be greater than zero")
    return amount
