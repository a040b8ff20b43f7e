"""Flattening: whatever the tree looks like, no money is lost and none is made up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from pipeline.apps.togai.lines import TREATMENTS, Treatment, flat_lines
from pipeline.errors import Refused
from pipeline.schemas.documents import Line, LineKind
from pipeline.schemas.togai import InvoiceLineItem
from tests.apps.togai.trees import consistent_trees, node, types


def lines(root: InvoiceLineItem, *, composite: bool = False) -> list[Line]:
    return flat_lines(root, root.value or Decimal(0), composite=composite)


def summary(found: list[Line]) -> list[tuple[str, str, Decimal]]:
    return [(line.kind.value, line.description, line.amount) for line in found]


def effects(found: list[Line]) -> list[tuple[str, str]]:
    return [(line.kind.value, str(line.amount)) for line in found]


def total(found: list[Line]) -> Decimal:
    return sum((line.amount for line in found), Decimal(0))


# --- the promise ------------------------------------------------------------------------------------------------------


@given(consistent_trees())
def test_a_consistent_tree_flattens_to_lines_that_add_up_to_its_total(root: InvoiceLineItem) -> None:
    assert total(lines(root)) == (root.value or 0)


@given(consistent_trees())
def test_slabs_of_a_line_make_up_its_amount(root: InvoiceLineItem) -> None:
    for line in lines(root):
        assert not line.slabs or total(line.slabs) == line.amount


# --- every type has a treatment ---------------------------------------------------------------------------------------


def test_all_39_types_have_a_treatment() -> None:
    assert len(TREATMENTS) == 39
    counts = {treatment: len(types(treatment)) for treatment in Treatment}
    assert counts == {
        Treatment.TOTAL: 12,
        Treatment.CHARGE: 12,
        Treatment.DETAIL: 7,
        Treatment.GROUP: 2,
        Treatment.ADJUSTMENT: 2,
        Treatment.CREDIT: 1,
        Treatment.TAX: 1,
        Treatment.USAGE: 2,
        Treatment.UNKNOWN: 0,
    }


@pytest.mark.parametrize("type_", types(Treatment.CHARGE))
def test_a_charge_is_one_line_whose_slabs_are_its_details(type_: str) -> None:
    slab = node("USAGE_RATE_CARD_SLAB_AMOUNT", "10.00", description="Slab 1", quantity=Decimal(2))
    root = node("GRAND_TOTAL_AMOUNT", "10.00", node(type_, "10.00", slab, id="um.1", quantity=Decimal(2)))
    (line,) = lines(root)
    assert (line.kind, line.source_type, line.amount, line.source_id) == (
        LineKind.CHARGE,
        type_,
        Decimal("10.00"),
        "um.1",
    )
    assert line.details == ["Slab 1: 2 = 10.00"]
    assert [part.amount for part in line.slabs] == [Decimal("10.00")]


@pytest.mark.parametrize("type_", types(Treatment.TOTAL))
def test_a_total_is_no_line_but_what_is_below_it(type_: str) -> None:
    below = node("SUB_CREDITS", 5) if type_ == "TOTAL_CREDITS" else node("FIXED_FEE_RATE_CARD_AMOUNT", 5)
    root = node("GRAND_TOTAL_AMOUNT", -5 if type_ == "TOTAL_CREDITS" else 5, node(type_, 5, below))
    assert [line.source_type for line in lines(root)] == [below.type]


@pytest.mark.parametrize("type_", types(Treatment.TOTAL))
def test_a_total_with_nothing_below_it_is_a_line_lest_its_money_be_lost(type_: str) -> None:
    effect = -5 if type_ == "TOTAL_CREDITS" else 5
    (line,) = lines(node("GRAND_TOTAL_AMOUNT", 20 + effect, node("CUSTOM_AMOUNT", 20), node(type_, 5)))[1:]
    assert (line.source_type, str(line.amount)) == (type_, str(effect))
    kind = {"TOTAL_CREDITS": LineKind.CREDIT, "TOTAL_TAX_AMOUNT": LineKind.TAX}.get(type_, LineKind.CHARGE)
    assert line.kind is kind


def test_a_total_over_mere_usage_is_a_line_too() -> None:
    root = node("GRAND_TOTAL_AMOUNT", 5, node("SUB_TOTAL_AMOUNT", 5, node("USAGE_METER_USAGE", 100)))
    assert summary(lines(root)) == [("charge", "sub_total_amount", Decimal(5))]


@pytest.mark.parametrize("type_", types(Treatment.GROUP))
def test_a_group_heads_its_lines_and_is_a_line_where_it_has_none(type_: str) -> None:
    card = node("FIXED_FEE_RATE_CARD_AMOUNT", 5)
    inner = node("CUSTOM_TAG", 5, card, description="Compute")
    (line,) = lines(node("GRAND_TOTAL_AMOUNT", 5, node(type_, 5, inner, description="Cloud")))
    assert line.group == "Cloud / Compute"
    assert summary(lines(node("GRAND_TOTAL_AMOUNT", 5, node(type_, 5)))) == [("charge", type_.lower(), Decimal(5))]


@pytest.mark.parametrize("type_", types(Treatment.ADJUSTMENT))
def test_an_adjustment_is_a_charge_or_a_discount_by_its_sign(type_: str) -> None:
    root = node("GRAND_TOTAL_AMOUNT", 15, node(type_, 40), node(type_, -25))
    assert effects(lines(root)) == [("charge", "40"), ("discount", "-25")]


def test_a_tax_is_a_line_of_kind_tax() -> None:
    assert [line.kind for line in lines(node("TOTAL_AMOUNT", 5, node("TAX_AMOUNT", 5)))] == [LineKind.TAX]


@pytest.mark.parametrize("type_", types(Treatment.USAGE))
def test_usage_is_no_money(type_: str) -> None:
    assert lines(node("GRAND_TOTAL_AMOUNT", 5, node("CUSTOM_AMOUNT", 5), node(type_, 32109)))[1:] == []


@pytest.mark.parametrize("type_", types(Treatment.DETAIL))
def test_a_detail_that_no_charge_is_above_is_a_line(type_: str) -> None:
    root = node("SUB_TOTAL_AMOUNT", 3, node(type_, 5), node(type_, -2))
    assert effects(lines(root)) == [("charge", "5"), ("discount", "-2")]


def test_a_usage_cycle_around_rate_cards_gives_the_cards() -> None:
    cycle = node("USAGE_CYCLE_AMOUNT", 5, node("USAGE_RATE_CARD_AMOUNT", 2), node("USAGE_RATE_CARD_AMOUNT", 3))
    assert [line.source_type for line in lines(node("SUB_TOTAL_AMOUNT", 5, cycle))] == ["USAGE_RATE_CARD_AMOUNT"] * 2


# --- unknown types ----------------------------------------------------------------------------------------------------


def test_an_unknown_type_is_a_line_that_says_so() -> None:
    (line,) = lines(node("GRAND_TOTAL_AMOUNT", 5, node("SURCHARGE_2030", 5)))
    assert (line.kind, line.source_type, str(line.amount)) == (LineKind.UNKNOWN, "SURCHARGE_2030", "5")


def test_an_unknown_type_over_lines_that_make_it_up_gives_those() -> None:
    new = node("NEW_TOTAL", 4, node("CUSTOM_AMOUNT", 5), node("SUB_CREDITS", 1))
    assert [line.amount for line in lines(node("GRAND_TOTAL_AMOUNT", 4, new))] == [5, -1]


def test_an_unknown_type_over_lines_that_do_not_make_it_up_is_one_line() -> None:
    new = node("NEW_TOTAL", 9, node("CUSTOM_AMOUNT", 5), node("SUB_CREDITS", 1))
    assert effects(lines(node("GRAND_TOTAL_AMOUNT", 9, new))) == [("unknown", "9")]


def test_an_unknown_type_over_slabs_is_a_rate_card_of_tomorrow() -> None:
    new = node("NEW_RATE_CARD", 9, node("USAGE_RATE_CARD_SLAB_AMOUNT", 9))
    (line,) = lines(node("GRAND_TOTAL_AMOUNT", 9, new))
    assert (line.kind, str(line.amount), len(line.slabs)) == (LineKind.UNKNOWN, "9", 1)


def test_an_unknown_type_without_value_over_lines_gives_those() -> None:
    root = node("GRAND_TOTAL_AMOUNT", 5, node("NEW_LEVEL", None, node("CUSTOM_AMOUNT", 5)))
    assert [line.amount for line in lines(root)] == [5]


# --- credits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_credits_take_the_sign_that_makes_net_of_gross(sign: int) -> None:
    credits = node("TOTAL_CREDITS", 50 * sign, node("SUB_CREDITS", 20 * sign), node("SUB_CREDITS", 30 * sign))
    root = node("NET_AMOUNT", 950, node("GROSS_AMOUNT", 1000, node("CUSTOM_AMOUNT", 1000)), credits)
    assert effects(lines(root)[1:]) == [("credit", "-20"), ("credit", "-30")]


def test_credits_that_raise_the_total_are_left_to_do_so() -> None:
    root = node("NET_AMOUNT", 110, node("GROSS_AMOUNT", 100, node("CUSTOM_AMOUNT", 100)), node("SUB_CREDITS", 10))
    assert [line.amount for line in lines(root)] == [100, 10]


def test_credits_are_settled_at_the_nearest_total_whose_value_is_known() -> None:
    inner = node("NET_AMOUNT", None, node("CUSTOM_AMOUNT", 100), node("SUB_CREDITS", 10))
    assert [line.amount for line in lines(node("TOTAL_AMOUNT", 90, inner))] == [100, -10]


def test_credits_without_any_known_total_are_settled_by_the_invoice() -> None:
    root = node("TOTAL_AMOUNT", None, node("CUSTOM_AMOUNT", 100), node("SUB_CREDITS", 10))
    assert [line.amount for line in flat_lines(root, Decimal(90))] == [100, -10]


def test_an_unknown_type_among_credits_counts_as_one_and_says_that_it_is_unknown() -> None:
    credits = node("TOTAL_CREDITS", 10, node("NEW_CREDIT", 10))
    root = node("NET_AMOUNT", 90, node("GROSS_AMOUNT", 100, node("CUSTOM_AMOUNT", 100)), credits)
    assert effects(lines(root)) == [("charge", "100"), ("unknown", "-10")]


def test_credits_under_a_heading_are_settled_above_it() -> None:
    tag = node("CUSTOM_TAG", 10, node("SUB_CREDITS", 10))
    root = node("NET_AMOUNT", 90, node("CUSTOM_AMOUNT", 100), node("TOTAL_CREDITS", 10, tag))
    assert [line.amount for line in lines(root)] == [100, -10]


# --- composites, values, sums -----------------------------------------------------------------------------------------


def test_members_of_a_composite_invoice_head_their_lines() -> None:
    root = node(
        "GRAND_TOTAL_AMOUNT",
        3,
        node("TOTAL_AMOUNT", 1, node("CUSTOM_AMOUNT", 1), description="North"),
        node(
            "TOTAL_AMOUNT", 2, node("CUSTOM_TAG", 2, node("CUSTOM_AMOUNT", 2), description="Disk"), description="South"
        ),
    )
    assert [line.group for line in lines(root, composite=True)] == ["North", "South / Disk"]
    assert [line.group for line in lines(root)] == ["", "Disk"]


def test_a_line_without_value_is_quantity_times_price() -> None:
    line = node("CUSTOM_AMOUNT", None, quantity=Decimal(3), value_per_quantity=Decimal("0.125"))
    assert [found.amount for found in flat_lines(line, Decimal("0.375"))] == [Decimal("0.375")]


def test_a_charge_without_value_is_the_sum_of_its_slabs() -> None:
    card = node("USAGE_RATE_CARD_AMOUNT", None, node("USAGE_RATE_CARD_SLAB_AMOUNT", 2), node("USAGE_CYCLE_AMOUNT", 3))
    assert [found.amount for found in flat_lines(card, Decimal(5))] == [5]


def test_sums_that_do_not_add_up_are_left_as_they_are_for_the_booking_side_to_refuse() -> None:
    root = node("TOTAL_AMOUNT", 100, node("CUSTOM_AMOUNT", 60), node("CUSTOM_AMOUNT", 30))
    assert total(lines(root)) == 90


def test_slabs_that_do_not_make_up_their_charge_are_details_only() -> None:
    (line,) = lines(node("USAGE_RATE_CARD_AMOUNT", "392.10", node("USAGE_RATE_CARD_SLAB_AMOUNT", 20)))
    assert line.slabs == []
    assert line.details == ["usage_rate_card_slab_amount: 20"]


def test_a_zero_charge_informs_and_other_zeros_do_not() -> None:
    zeros = ("FIXED_FEE_RATE_CARD_AMOUNT", "TRUE_UP_AMOUNT", "SUB_CREDITS", "TAX_AMOUNT", "SUB_TOTAL_AMOUNT", "NEW")
    root = node("TOTAL_AMOUNT", 0, *(node(type_, 0) for type_ in zeros))
    assert [line.source_type for line in lines(root)] == ["FIXED_FEE_RATE_CARD_AMOUNT"]


@pytest.mark.parametrize(("unit", "value"), [("JPY", "1500"), ("KWD", "12.345"), ("USD", "0.01")])
def test_amounts_keep_the_decimals_of_their_currency(unit: str, value: str) -> None:
    (line,) = lines(node("CUSTOM_AMOUNT", value, units=unit))
    assert str(line.amount) == value


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+400"])
def test_a_value_that_no_money_can_be_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        flat_lines(node("TOTAL_AMOUNT", 1, node("CUSTOM_AMOUNT", value)), Decimal(1))
