"""An invoice's tree as flat lines that add up to its total.

The tree is walked by the type of its nodes, never by their depth: levels may be left out. Each of the 39 documented
types has a treatment; a type that is none of them becomes a line of kind `UNKNOWN`, and whoever books the invoice
decides. No value is dropped: a total without children of its own is a line itself. Nothing is mended either: where the
source's own sums do not add up, the lines do not, and whoever books the invoice refuses.

The types are those of `InvoiceLineItem` in https://docs.togai.com/openapi.yaml; their nesting is drawn in
https://docs.togai.com/docs/invoices-overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import msgspec

from pipeline.errors import Refused
from pipeline.schemas.documents import Line, LineKind
from pipeline.schemas.togai import InvoiceLineItem

ZERO = Decimal(0)
MAX_DIGITS = 30
"""Amounts beyond this many digits are no money: writing such a number out could fill the memory."""


class Treatment(Enum):
    """What is done with a node."""

    TOTAL = "descend; a line only where it has a value and nothing below it"
    CHARGE = "one line; what is below it is detail"
    DETAIL = "text and slab of the charge above it; a line where no charge is above"
    GROUP = "descend with its description as heading; a line where nothing is below"
    ADJUSTMENT = "one line, a discount where negative"
    CREDIT = "one line; all of them together make up what the total above them misses"
    TAX = "one line of kind tax"
    USAGE = "quantities, no money: left out"
    UNKNOWN = "one line of kind unknown, or the lines below it where they add up to its value"


TREATMENTS: Mapping[str, Treatment] = {
    "GRAND_TOTAL_AMOUNT": Treatment.TOTAL,
    "TOTAL_AMOUNT": Treatment.TOTAL,
    "NET_AMOUNT": Treatment.TOTAL,
    "GROSS_AMOUNT": Treatment.TOTAL,
    "SUB_TOTAL_AMOUNT": Treatment.TOTAL,
    "PRICE_PLAN_AMOUNT": Treatment.TOTAL,
    "TOTAL_PURCHASE_AMOUNT": Treatment.TOTAL,
    "TOTAL_ADVANCED_FEES": Treatment.TOTAL,
    "TOTAL_PRICING_RULE_ADDITION_AMOUNT": Treatment.TOTAL,
    "TOTAL_MISCELLANEOUS_CHARGES": Treatment.TOTAL,
    "TOTAL_CREDITS": Treatment.TOTAL,
    "TOTAL_TAX_AMOUNT": Treatment.TOTAL,
    "USAGE_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "FIXED_FEE_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "LICENSE_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "BILLING_ENTITLEMENT_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "ENTITLEMENT_OVERAGE_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "CREDIT_GRANT_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "ADVANCED_FIXED_FEE": Treatment.CHARGE,
    "ADVANCED_LICENSE_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "ADVANCED_BILLING_ENTITLEMENT_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "ADVANCED_CREDIT_GRANT_RATE_CARD_AMOUNT": Treatment.CHARGE,
    "TRUE_UP_AMOUNT": Treatment.CHARGE,
    "CUSTOM_AMOUNT": Treatment.CHARGE,
    "USAGE_RATE_CARD_SLAB_AMOUNT": Treatment.DETAIL,
    "LICENSE_RATE_CARD_SLAB_AMOUNT": Treatment.DETAIL,
    "ENTITLEMENT_OVERAGE_RATE_CARD_SLAB_AMOUNT": Treatment.DETAIL,
    "USAGE_CYCLE_AMOUNT": Treatment.DETAIL,
    "RATE_CONFIG_ADJUSTMENT_AMOUNT": Treatment.DETAIL,
    "PRICING_RULE_REVENUE_UPDATE_AMOUNT": Treatment.DETAIL,
    "PRICING_RULE_USAGE_UPDATE_AMOUNT": Treatment.DETAIL,
    "CUSTOM_TAG": Treatment.GROUP,
    "PROXY_AMOUNT": Treatment.GROUP,
    "MISCELLANEOUS_CHARGE": Treatment.ADJUSTMENT,
    "PRICING_RULE_ADDITION_AMOUNT": Treatment.ADJUSTMENT,
    "SUB_CREDITS": Treatment.CREDIT,
    "TAX_AMOUNT": Treatment.TAX,
    "TOTAL_USAGE": Treatment.USAGE,
    "USAGE_METER_USAGE": Treatment.USAGE,
}

# Names of their own: in Python 3.11 an attribute of an enumeration is a call, which made half of the time of a tree.
_TOTAL, _CHARGE, _DETAIL = Treatment.TOTAL, Treatment.CHARGE, Treatment.DETAIL
_GROUP, _CREDIT = Treatment.GROUP, Treatment.CREDIT
_TAX, _USAGE, _UNKNOWN = Treatment.TAX, Treatment.USAGE, Treatment.UNKNOWN
_CHARGE_LINE, _DISCOUNT_LINE, _CREDIT_LINE = LineKind.CHARGE, LineKind.DISCOUNT, LineKind.CREDIT
_TAX_LINE, _UNKNOWN_LINE = LineKind.TAX, LineKind.UNKNOWN

CREDITS = "TOTAL_CREDITS"
TAXES = "TOTAL_TAX_AMOUNT"
TRUE_UP = "TRUE_UP_AMOUNT"
MEMBER = "TOTAL_AMOUNT"


def flat_lines(root: InvoiceLineItem, total: Decimal, *, composite: bool = False) -> list[Line]:
    """The lines of the tree in its order. With `composite`, the totals below the root are members and head their lines.

    Raises `Refused` for an amount that no money can be.
    """
    walk = _Walk(root, composite)
    others = walk.visit(root, "", in_credits=False)
    walk.settle_credits(0, total - others)
    return walk.lines


class _Walk:
    """The lines so far, and the places of those credits in them whose sign is not decided yet."""

    def __init__(self, root: InvoiceLineItem, composite: bool) -> None:
        self.root = root
        self.composite = composite
        self.lines: list[Line] = []
        self.open_credits: list[int] = []

    def visit(self, node: InvoiceLineItem, group: str, *, in_credits: bool) -> Decimal:
        """Add the node's lines; gives what it adds to the total above, credits that are still open left out."""
        treatment = TREATMENTS.get(node.type, _UNKNOWN)
        if treatment is _USAGE:
            return ZERO
        below = node.line_items
        if treatment is _TOTAL:
            return self.total(node, group, in_credits=in_credits)
        if treatment is _GROUP and below:
            return self.descend(node, _heading(group, node), in_credits=in_credits)
        if in_credits or treatment is _CREDIT:
            return self.credit(node, treatment, group)
        if below and treatment in (_UNKNOWN, _DETAIL):
            return self.doubtful(node, treatment, group)
        return self.line(node, treatment, group)

    def total(self, node: InvoiceLineItem, group: str, *, in_credits: bool) -> Decimal:
        if self.composite and not group and node.type == MEMBER and node is not self.root:
            group = _heading("", node)
        in_credits = in_credits or node.type == CREDITS
        opened, count = len(self.open_credits), len(self.lines)
        others = self.descend(node, group, in_credits=in_credits)
        value = node.value
        if value is None:
            return others
        if count == len(self.lines):
            if in_credits:
                return self.credit(node, _CREDIT, group)
            return self.line(node, _TAX if node.type == TAXES else _TOTAL, group)
        if in_credits:
            return ZERO
        self.settle_credits(opened, value - others)
        return value

    def descend(self, node: InvoiceLineItem, group: str, *, in_credits: bool) -> Decimal:
        added = ZERO
        for child in node.line_items or ():
            added += self.visit(child, group, in_credits=in_credits)
        return added

    def doubtful(self, node: InvoiceLineItem, treatment: Treatment, group: str) -> Decimal:
        """The lines below a node of no known role, if they make up its value; else the node as one line."""
        opened, count = len(self.open_credits), len(self.lines)
        only_details = all(TREATMENTS.get(child.type) is _DETAIL for child in node.line_items or ())
        if not only_details:
            others = self.descend(node, group, in_credits=False)
            if node.value is None:
                return others
            self.settle_credits(opened, node.value - others)
            if sum((line.amount for line in self.lines[count:]), ZERO) == node.value:
                return node.value
            del self.lines[count:]
        return self.line(node, treatment, group)

    def line(self, node: InvoiceLineItem, treatment: Treatment, group: str) -> Decimal:
        """One line; nothing for a zero that informs nobody (a charge of zero does)."""
        amount = _amount(node)
        if amount or (treatment is _CHARGE and node.type != TRUE_UP):
            self.lines.append(_line(node, _kind(treatment, amount), amount, group))
        return amount

    def credit(self, node: InvoiceLineItem, treatment: Treatment, group: str) -> Decimal:
        """One line with the value as it stands; `settle_credits` gives it its sign."""
        amount = _amount(node)
        if amount:
            kind = _UNKNOWN_LINE if treatment is _UNKNOWN else _CREDIT_LINE
            self.open_credits.append(len(self.lines))
            self.lines.append(_line(node, kind, amount, group))
        return ZERO

    def settle_credits(self, opened: int, effect: Decimal) -> None:
        """Give the credits since `opened` the sign under which they come nearest to `effect`, what the total misses.

        Togai does not say whether a credit's value is signed; that a net amount is the gross one less its credits, it
        does. Where neither sign is nearer, they reduce.
        """
        places = self.open_credits[opened:]
        if not places:
            return
        del self.open_credits[opened:]
        together = sum((self.lines[place].amount for place in places), ZERO)
        if abs(together - effect) < abs(together + effect):
            return
        for place in places:
            line = self.lines[place]
            self.lines[place] = msgspec.structs.replace(
                line, amount=-line.amount, slabs=[], unit_price=None if line.unit_price is None else -line.unit_price
            )


def _kind(treatment: Treatment, amount: Decimal) -> LineKind:
    if treatment is _TAX:
        return _TAX_LINE
    if treatment is _UNKNOWN:
        return _UNKNOWN_LINE
    return _DISCOUNT_LINE if amount < 0 else _CHARGE_LINE


def _line(node: InvoiceLineItem, kind: LineKind, amount: Decimal, group: str) -> Line:
    below = node.line_items
    return Line(
        kind=kind,
        source_type=node.type,
        description=_described(node),
        amount=amount,
        quantity=node.quantity,
        unit_price=node.value_per_quantity,
        group=group,
        details=_details(below) if below else [],
        source_id=node.id or "",
        slabs=_slabs(below, amount) if below else [],
    )


def _amount(node: InvoiceLineItem) -> Decimal:
    """The node's value; where it has none, quantity times price, else the values below it."""
    amount = node.value
    if amount is None:
        if node.quantity is not None and node.value_per_quantity is not None:
            amount = node.quantity * node.value_per_quantity
        else:
            amount = sum((child.value for child in node.line_items or () if child.value is not None), ZERO)
    if not amount.is_finite() or amount.adjusted() > MAX_DIGITS:
        raise Refused(f"the line {node.description!r} of type {node.type} has the value {amount}: no amount of money")
    return amount


def _slabs(below: list[InvoiceLineItem], amount: Decimal) -> list[Line]:
    """The parts of a charge as lines, where they make up its amount exactly; else none."""
    parts = [part for part in below if part.value is not None and TREATMENTS.get(part.type) is not _USAGE]
    if not parts or sum((part.value or ZERO for part in parts), ZERO) != amount:
        return []
    return [
        Line(
            kind=_kind(_DETAIL, part.value or ZERO),
            source_type=part.type,
            description=_described(part),
            amount=part.value or ZERO,
            quantity=part.quantity,
            unit_price=part.value_per_quantity,
        )
        for part in parts
    ]


def _details(below: list[InvoiceLineItem]) -> list[str]:
    texts = []
    for part in below:
        if TREATMENTS.get(part.type) is _USAGE:
            continue
        texts.append(_detail(part))
        if part.line_items:
            texts += _details(part.line_items)
    return texts


def _detail(part: InvoiceLineItem) -> str:
    text = _described(part)
    if part.quantity is not None:
        text += f": {part.quantity!s}"
        if part.value_per_quantity is not None:
            text += f" × {part.value_per_quantity!s}"
        return text if part.value is None else f"{text} = {part.value!s}"
    return text if part.value is None else f"{text}: {part.value!s}"


def _described(node: InvoiceLineItem) -> str:
    return node.description or node.type.replace("_", " ").capitalize() or "Unnamed"


def _heading(group: str, node: InvoiceLineItem) -> str:
    own = _described(node)
    return f"{group} / {own}" if group else own
