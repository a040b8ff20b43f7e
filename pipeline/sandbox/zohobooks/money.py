"""How Zoho Books computes a document: every line is rate x quantity, rounded to the currency's price precision.

Half a unit is rounded up (away from zero). Tax inclusive prices are not simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, bad

ZERO = Decimal(0)


def decimal(value: Any, name: str) -> Decimal:
    """A number of a body, exactly. Raises Refusal for anything else."""
    try:
        number = Decimal(value) if isinstance(value, str | int | Decimal) else None
    except InvalidOperation:
        number = None
    if number is None or isinstance(value, bool) or not number.is_finite():
        raise bad(BAD_VALUE, f"Invalid value passed for {name}")
    return number


def rounded(amount: Decimal, precision: int) -> Decimal:
    """`amount` at `precision` decimals."""
    return amount.quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)


def discount_of(value: Any, base: Decimal, precision: int) -> Decimal:
    """A discount as an amount: ``10`` or ``"10%"`` of `base`."""
    if value in (None, "", 0):
        return ZERO
    if isinstance(value, str) and value.endswith("%"):
        return rounded(base * decimal(value[:-1], "discount") / 100, precision)
    return rounded(decimal(value, "discount"), precision)


def price_line(line: Json, precision: int, *, item_level: bool) -> Json:
    """The computed fields of one line. Rates below zero and quantities not above zero are refused."""
    if "rate" not in line:
        raise bad(MISSING, "Please enter the rate of the line item")
    rate = decimal(line["rate"], "rate")
    quantity = decimal(line.get("quantity", 1), "quantity")
    if rate < 0:
        raise bad(BAD_VALUE, "The rate of a line item can't be negative")
    if quantity <= 0:
        raise bad(BAD_VALUE, "The quantity of a line item must be greater than zero")
    gross = rounded(rate * quantity, precision)
    off = discount_of(line.get("discount"), gross, precision) if item_level else ZERO
    return {"rate": rate, "quantity": quantity, "discount_amount": off, "item_total": gross - off}


def totals(document: Json, lines: list[Json], taxes: Mapping[str, Decimal], precision: int) -> Json:
    """The sums of a document from its priced lines.

    A discount at entity level comes off before tax unless `is_discount_before_tax` is false; adjustment and shipping
    are added after tax. Raises Refusal where the total would be below zero.
    """
    if document.get("is_inclusive_tax"):
        raise bad(BAD_VALUE, "The twin does not compute tax inclusive prices")
    sub_total = sum((line["item_total"] for line in lines), ZERO)
    entity_level = document.get("discount_type", "entity_level") == "entity_level"
    discount = discount_of(document.get("discount"), sub_total, precision) if entity_level else ZERO
    before_tax = document.get("is_discount_before_tax", True)
    share = (sub_total - discount) / sub_total if before_tax and sub_total else Decimal(1)
    tax_total = sum(
        (
            rounded(line["item_total"] * share * taxes[line["tax_id"]] / 100, precision)
            for line in lines
            if line.get("tax_id")
        ),
        ZERO,
    )
    adjustment = rounded(decimal(document.get("adjustment") or 0, "adjustment"), precision)
    shipping = rounded(decimal(document.get("shipping_charge") or 0, "shipping_charge"), precision)
    total = sub_total - discount + tax_total + shipping + adjustment
    if total < 0:
        raise bad(BAD_VALUE, "The total of a document can't be negative")
    return {
        "sub_total": rounded(sub_total, precision),
        "discount_total": rounded(discount, precision),
        "tax_total": rounded(tax_total, precision),
        "adjustment": adjustment,
        "shipping_charge": shipping,
        "total": rounded(total, precision),
    }
