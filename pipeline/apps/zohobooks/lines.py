"""From the lines of a neutral invoice to Zoho's: priced lines, discount, adjustment. Pure.

Zoho computes every line as rate x quantity, rounds it, and adds the adjustment after tax. So each line goes as quantity
1 with its own rounded amount as rate; what Zoho takes no rate for (below zero) and the rest of the rounding go into the
adjustment. Zoho's total is then the document's own, to the smallest unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pipeline.apps.zohobooks.amounts import LARGEST, added, check_amount, plain, rounded, shown, unit
from pipeline.errors import Refused
from pipeline.schemas.documents import Invoice, Line, LineKind

LineMode = Literal["rate_card", "slab", "single"]
TaxMode = Literal["line", "adjustment"]
CreditMode = Literal["adjustment", "discount"]
UnknownLines = Literal["line", "refuse"]

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 2000
ADJUSTMENT_LENGTH = 100
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LineOptions:
    """How lines are booked. `tolerance`: by how much the lines may miss the total; None is one smallest unit."""

    line_mode: LineMode = "rate_card"
    tax_mode: TaxMode = "line"
    credit_mode: CreditMode = "adjustment"
    unknown_lines: UnknownLines = "line"
    tolerance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """The money of a request. ``sum(rates) - discount + adjustment == total``."""

    line_items: list[dict[str, Any]]
    discount: Decimal
    adjustment: Decimal
    adjustment_description: str
    total: Decimal
    notes: str = ""
    warnings: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """The request's fields; what is zero is left out."""
        given: dict[str, Any] = {"line_items": self.line_items}
        if self.discount:
            given |= {"discount": self.discount, "discount_type": "entity_level", "is_discount_before_tax": True}
        if self.adjustment:
            given |= {"adjustment": self.adjustment, "adjustment_description": self.adjustment_description}
        if self.notes:
            given["notes"] = self.notes
        return given


def book(invoice: Invoice, decimals: int, options: LineOptions, period: str = "") -> Booking:
    """Raises `Refused` where the lines do not add up to the total, or nothing is left that Zoho could book."""
    _check(invoice, decimals, options)
    total = rounded(invoice.total, decimals)
    priced: list[tuple[Line, Decimal]] = []
    reductions: list[tuple[str, Decimal]] = []
    adjusted: list[tuple[str, Decimal]] = []
    for line in _expand(invoice, decimals, options):
        amount = rounded(line.amount, decimals)
        if not amount:
            continue
        if line.kind is LineKind.TAX and options.tax_mode == "adjustment":
            adjusted.append((_name(line), amount))
        elif amount < 0:
            reductions.append((_name(line), amount))
        else:
            priced.append((line, amount))
    sub_total = added(amount for _, amount in priced)
    if total < 0:
        raise Refused(f"the total is {plain(total)}: an invoice is never negative, book a credit note", cause="amount")
    if not priced:
        raise Refused(
            f"no line with an amount, but a total of {plain(total)} {invoice.currency}", cause="amount", code="no_lines"
        )
    discount = ZERO
    if options.credit_mode == "discount":
        off = -added(amount for _, amount in reductions)
        discount = min(off, sub_total)
        reductions = [("Credits above the sum of the lines", discount - off)] if off > discount else []
    adjusted = [*reductions, *adjusted]
    rest = total - (sub_total - discount + added(amount for _, amount in adjusted))
    if rest:
        adjusted.append(("Rounding", rest))
    description, notes = _adjustment_texts(adjusted, invoice.currency, decimals)
    items, warnings = _items(priced, period)
    return Booking(
        items, discount, added(amount for _, amount in adjusted), description, total, notes=notes, warnings=warnings
    )


def _check(invoice: Invoice, decimals: int, options: LineOptions) -> None:
    check_amount(invoice.total, "the total")
    for line in invoice.lines:
        check_amount(line.amount, f"line {line.description!r}")
    if options.unknown_lines == "refuse":
        unknown = sorted({line.source_type for line in invoice.lines if line.kind is LineKind.UNKNOWN and line.amount})
        if unknown:
            raise Refused(
                f"lines of unknown type: {', '.join(unknown)}; set unknown_lines to line to book them as they are",
                cause="unknown_line",
            )
    lines = added(line.amount for line in invoice.lines)
    gap = added((invoice.total, -lines))
    tolerance = unit(decimals) if options.tolerance is None else options.tolerance
    if abs(gap) > tolerance:
        raise Refused(
            f"the lines add up to {plain(lines)} {invoice.currency}, the total is {plain(invoice.total)} "
            f"{invoice.currency}: off by {plain(gap)}, allowed is {plain(tolerance)}",
            cause="amount",
            code="lines_total",
        )


def _expand(invoice: Invoice, decimals: int, options: LineOptions) -> Sequence[Line]:
    """The lines in the mode that is asked for; their amounts add up to the same."""
    if options.line_mode == "single":
        whole = added(line.amount for line in invoice.lines)
        texts = [f"{_name(line)}: {shown(line.amount, decimals)}" for line in invoice.lines if line.amount]
        name = invoice.title or f"Invoice {invoice.number or invoice.id}"
        return [Line(kind=LineKind.CHARGE, source_type="", description=name, amount=whole, details=texts)]
    if options.line_mode == "slab":
        return [part for line in invoice.lines for part in _slabs(line, decimals)]
    return invoice.lines


def _slabs(line: Line, decimals: int) -> Sequence[Line]:
    """The line's slabs, if they explain its whole amount; else the line."""
    amounts = [slab.amount for slab in line.slabs if slab.amount.is_finite()]
    explained = added(amounts)
    whole = len(amounts) == len(line.slabs) and abs(explained) < LARGEST
    if not amounts or not whole or rounded(explained, decimals) != rounded(line.amount, decimals):
        return [line]
    return [
        Line(
            kind=line.kind,
            source_type=slab.source_type,
            description=f"{_name(line)}: {_name(slab)}",
            amount=slab.amount,
            quantity=slab.quantity,
            unit_price=slab.unit_price,
            group=line.group,
            details=slab.details,
        )
        for slab in line.slabs
    ]


def _items(priced: Sequence[tuple[Line, Decimal]], period: str) -> tuple[list[dict[str, Any]], list[str]]:
    items, warnings = [], []
    for line, amount in priced:
        name = _name(line)
        described = _description(line, name, period)
        if len(described) > DESCRIPTION_LENGTH:
            warnings.append(f"description of line {shortened(name, 40)!r} cut to {DESCRIPTION_LENGTH} characters")
        item = {"name": shortened(name, NAME_LENGTH), "rate": amount, "quantity": 1}
        if described:
            item["description"] = shortened(described, DESCRIPTION_LENGTH)
        items.append(item)
    return items, warnings


def _description(line: Line, name: str, period: str) -> str:
    """What the amount is made of, line by line; the full name too where the name had to be cut."""
    texts = [name] if len(name) > NAME_LENGTH else []
    texts += [line.group] if line.group else []
    texts += line.details or [_counted(slab, f"{_name(slab)}: ") for slab in line.slabs]
    if not line.details and not line.slabs:
        texts.append(_counted(line))
    return "\n".join(text for text in (*texts, period) if text)


def _counted(line: Line, before: str = "") -> str:
    """``32109 × 0.001`` where the line has both, else ""."""
    if line.quantity is None or line.unit_price is None:
        return ""
    return f"{before}{plain(line.quantity)} × {plain(line.unit_price)}"


def _adjustment_texts(parts: Sequence[tuple[str, Decimal]], currency: str, decimals: int) -> tuple[str, str]:
    """The adjustment's description, and a note with every part where the description has no room for all."""
    texts = [f"{name} {shown(amount, decimals)}" for name, amount in parts]
    whole = "; ".join(texts)
    if len(whole) <= ADJUSTMENT_LENGTH:
        return whole, ""
    return shortened(whole, ADJUSTMENT_LENGTH), f"Adjustment ({currency}):\n" + "\n".join(texts)


def _name(line: Line) -> str:
    return line.description.strip() or line.source_type.replace("_", " ").capitalize() or "Line"


def shortened(text: str, length: int) -> str:
    """`text`, cut to `length` characters with an ellipsis as the last of them."""
    return text if len(text) <= length else text[: length - 1] + "…"
