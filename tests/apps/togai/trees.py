"""Trees of invoice lines for tests, and strategies that draw consistent ones."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from pipeline.apps.togai.lines import TREATMENTS, Treatment
from pipeline.schemas.togai import InvoiceLineItem

FIXTURES = Path(__file__).parents[2] / "fixtures" / "togai"


def fixture(name: str) -> Any:
    """A recorded object as an event brings it: fractions are Decimal."""
    return msgspec.json.Decoder(float_hook=Decimal).decode((FIXTURES / name).read_bytes())


def node(type_: str, value: str | int | Decimal | None = None, *below: InvoiceLineItem, **more: Any) -> InvoiceLineItem:
    """A node named after its type, unless `description` is given."""
    return InvoiceLineItem(
        type=type_,
        description=more.pop("description", type_.lower()),
        value=None if value is None else Decimal(value),
        line_items=list(below) or None,
        **more,
    )


def types(treatment: Treatment) -> list[str]:
    return [type_ for type_, found in TREATMENTS.items() if found is treatment]


MONEY = st.integers(-(10**7), 10**7).map(lambda cents: Decimal(cents).scaleb(-2))
POSITIVE = st.integers(1, 10**7).map(lambda cents: Decimal(cents).scaleb(-2))
UPPER = ("GRAND_TOTAL_AMOUNT", "TOTAL_AMOUNT")
LOWER = ("PRICE_PLAN_AMOUNT", "SUB_TOTAL_AMOUNT", "TOTAL_PURCHASE_AMOUNT", "TOTAL_ADVANCED_FEES")


def _sum(nodes: list[InvoiceLineItem]) -> Decimal:
    return sum((one.value or Decimal(0) for one in nodes), Decimal(0))


def _over(type_: str, below: list[InvoiceLineItem]) -> InvoiceLineItem:
    return node(type_, _sum(below), *below)


def _charge(draw: Any) -> InvoiceLineItem:
    """A charge, with slabs that may or may not make it up."""
    kind = draw(st.sampled_from(types(Treatment.CHARGE)))
    slabs = [node("USAGE_RATE_CARD_SLAB_AMOUNT", draw(MONEY)) for _ in range(draw(st.integers(0, 2)))]
    value = _sum(slabs) if slabs and draw(st.booleans()) else draw(MONEY)
    return node(kind, value, *slabs)


def _leaf(draw: Any) -> InvoiceLineItem:
    other = [
        *types(Treatment.ADJUSTMENT),
        *types(Treatment.TAX),
        *types(Treatment.DETAIL),
        *types(Treatment.GROUP),
        *(type_ for type_ in types(Treatment.TOTAL) if type_ != "TOTAL_CREDITS"),
        "A_TYPE_OF_TOMORROW",
    ]
    return _charge(draw) if draw(st.booleans()) else node(draw(st.sampled_from(other)), draw(MONEY))


@st.composite
def charges(draw: st.DrawFn) -> list[InvoiceLineItem]:
    """Leaves under any number of totals and groups, levels left out at will; usage, which is no money, among them."""
    nodes = [_leaf(draw) for _ in range(draw(st.integers(1, 4)))]
    for type_ in draw(st.lists(st.sampled_from([*LOWER, "CUSTOM_TAG", "A_GROUP_OF_TOMORROW"]), max_size=3)):
        split = draw(st.integers(0, len(nodes) - 1))
        nodes = [*nodes[:split], _over(type_, nodes[split:])]
    if draw(st.booleans()):
        nodes.insert(0, node("USAGE_METER_USAGE", None))
    return nodes


@st.composite
def consistent_trees(draw: st.DrawFn) -> InvoiceLineItem:
    """A tree whose every level adds up. Credits stand with either sign, under their total or without it."""
    nodes = draw(charges())
    if draw(st.booleans()):
        nodes = [_over("GROSS_AMOUNT", nodes)]
    values = draw(st.lists(POSITIVE, max_size=3))
    if values:
        sign = draw(st.sampled_from([1, -1]))
        rows = [node("SUB_CREDITS", sign * value) for value in values]
        total = node("TOTAL_CREDITS", sign * sum(values), *rows)
        form = draw(st.sampled_from(["total", "leaf", "bare", "without value"]))
        below = {
            "total": [total],
            "leaf": [node("TOTAL_CREDITS", total.value)],
            "bare": rows,
            "without value": [node("TOTAL_CREDITS", None, *rows)],
        }[form]
        net = _sum(nodes) - sum(values)
        nodes = [node(draw(st.sampled_from(["NET_AMOUNT", *UPPER])), net, *nodes, *below)]
    nodes += draw(st.just([]) | charges())
    for type_ in draw(st.sampled_from([(), UPPER[1:], UPPER[:1], (UPPER[1], UPPER[0])])):
        nodes = [_over(type_, nodes)]
    return nodes[0] if len(nodes) == 1 else _over("GRAND_TOTAL_AMOUNT", nodes)
