"""The money tree of a Togai invoice, built so that every level adds up.

Shape and names follow the invoice of the OpenAPI and the invoice structure page: GRAND_TOTAL > TOTAL > {NET > {GROSS >
{PRICE_PLAN > {SUB_TOTAL, TRUE_UP}, TOTAL_ADVANCED_FEES, TOTAL_PURCHASE}, TOTAL_CREDITS}, TOTAL_MISCELLANEOUS_CHARGES,
TOTAL_TAX_AMOUNT}. Where Togai says nothing, the twin assumes that credits are positive numbers and that tax is a child
of TOTAL. Values are rounded to the currency's decimals, half up.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import msgspec

from pipeline.sandbox.wire import Json

ZERO = Decimal(0)
DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}


class Slab(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity at a rate."""

    quantity: Decimal
    rate: Decimal


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate card, fee or charge: its slabs added up, or a plain `value`. `type` is one of Togai's line types."""

    description: str
    type: str = "FIXED_FEE_RATE_CARD_AMOUNT"
    value: Decimal | None = None
    slabs: tuple[Slab, ...] = ()
    id: str = ""
    tag: str = ""


class Parts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an invoice is made of. `credits` are what is taken off, as positive values; `charges` may be negative.

    `tax_percent` is taken of all that comes before it.
    """

    cards: tuple[Card, ...] = ()
    minimum_commitment: Decimal = ZERO
    advances: tuple[Card, ...] = ()
    purchases: tuple[Card, ...] = ()
    credits: tuple[Card, ...] = ()
    charges: tuple[Card, ...] = ()
    tax_percent: Decimal = ZERO
    tax_description: str = "Tax"


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` in the currency's decimals."""
    return amount.quantize(Decimal(1).scaleb(-DECIMALS.get(currency, 2)), rounding=ROUND_HALF_UP)


def grand_total(members: list[Json], currency: str) -> Json:
    """The root over one TOTAL_AMOUNT node, or over one a member of a group."""
    return _node("Grand Total Amount", "GRAND_TOTAL_AMOUNT", currency, members)


def total(parts: Parts, currency: str, description: str = "Total Amount") -> Json:
    """The TOTAL_AMOUNT node of an invoice."""
    children = [_net(parts, currency)]
    if parts.charges:
        charges = [_card(card, currency, "MISCELLANEOUS_CHARGE") for card in parts.charges]
        children.append(_node("Custom charges", "TOTAL_MISCELLANEOUS_CHARGES", currency, charges))
    if parts.tax_percent:
        base = sum((child["value"] for child in children), ZERO)
        tax = rounded(base * parts.tax_percent / 100, currency)
        leaf = _leaf(parts.tax_description, "TAX_AMOUNT", currency, tax)
        children.append(_node("Tax", "TOTAL_TAX_AMOUNT", currency, [leaf]))
    return _node(description, "TOTAL_AMOUNT", currency, children)


def _net(parts: Parts, currency: str) -> Json:
    gross = _gross(parts, currency)
    if not parts.credits:
        return _node("Total amount due", "NET_AMOUNT", currency, [gross])
    credits = _node(
        "Credits",
        "TOTAL_CREDITS",
        currency,
        [_card(card, currency, "SUB_CREDITS") for card in parts.credits],
    )
    net = _node("Total amount due", "NET_AMOUNT", currency, [gross, credits])
    return net | {"value": gross["value"] - credits["value"]}


def _gross(parts: Parts, currency: str) -> Json:
    children = []
    if parts.cards or parts.minimum_commitment:
        sub_total = _node("Sub total", "SUB_TOTAL_AMOUNT", currency, _tagged(parts.cards, currency))
        plan = [sub_total]
        if (missing := parts.minimum_commitment - sub_total["value"]) > 0:
            plan.append(_leaf("Minimum commitment true-up", "TRUE_UP_AMOUNT", currency, rounded(missing, currency)))
        children.append(_node("Price plan", "PRICE_PLAN_AMOUNT", currency, plan))
    if parts.advances:
        fees = [_card(card, currency) for card in parts.advances]
        children.append(_node("Advance fees", "TOTAL_ADVANCED_FEES", currency, fees))
    if parts.purchases:
        bought = [_card(card, currency) for card in parts.purchases]
        children.append(_node("Purchases", "TOTAL_PURCHASE_AMOUNT", currency, bought))
    return _node("Sum Total", "GROSS_AMOUNT", currency, children)


def _tagged(cards: tuple[Card, ...], currency: str) -> list[Json]:
    """The cards, those with a tag under a CUSTOM_TAG node."""
    nodes = [_card(card, currency) for card in cards if not card.tag]
    for tag in dict.fromkeys(card.tag for card in cards if card.tag):
        members = [_card(card, currency) for card in cards if card.tag == tag]
        nodes.append(_node(tag, "CUSTOM_TAG", currency, members))
    return nodes


def _card(card: Card, currency: str, type_: str = "") -> Json:
    type_ = type_ or card.type
    head: Json = {"id": card.id} if card.id else {}
    if len(card.slabs) == 1 and card.value is None and not type_.startswith(("USAGE", "LICENSE")):
        slab = card.slabs[0]
        value = rounded(slab.quantity * slab.rate, currency)
        leaf = _leaf(card.description, type_, currency, value)
        return head | leaf | {"quantity": slab.quantity, "valuePerQuantity": slab.rate}
    if not card.slabs:
        return head | _leaf(card.description, type_, currency, rounded(card.value or ZERO, currency))
    slab_type = type_.removesuffix("_AMOUNT") + "_SLAB_AMOUNT"
    slabs = [
        _leaf(f"Slab {order}", slab_type, currency, rounded(slab.quantity * slab.rate, currency))
        | {"quantity": slab.quantity, "valuePerQuantity": slab.rate}
        for order, slab in enumerate(card.slabs, 1)
    ]
    quantity = sum((slab.quantity for slab in card.slabs), ZERO)
    return head | _node(card.description, type_, currency, slabs) | {"quantity": quantity}


def _leaf(description: str, type_: str, currency: str, value: Decimal) -> Json:
    return {"description": description, "type": type_, "units": currency, "value": value}


def _node(description: str, type_: str, currency: str, children: list[Json]) -> Json:
    value = rounded(sum((child["value"] for child in children), ZERO), currency)
    return _leaf(description, type_, currency, value) | ({"lineItems": children} if children else {})
