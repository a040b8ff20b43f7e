"""Money: whatever the lines are, Zoho's own sum over the request is the document's total."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.apps.zohobooks.lines import Booking, CreditMode, LineMode, LineOptions, TaxMode, book
from pipeline.errors import Refused
from pipeline.sandbox.zohobooks.money import price_line, totals
from pipeline.schemas.documents import Line, LineKind
from tests.apps.zohobooks.support import invoice, line


def zoho_total(booking: Booking, decimals: int) -> Decimal:
    """What the twin, which knows nothing of our sums, makes of the request."""
    lines = [price_line(item, decimals, item_level=False) for item in booking.line_items]
    total: Decimal = totals(booking.fields(), lines, {}, decimals)["total"]
    return total


kinds = st.sampled_from(list(LineKind))
modes = st.builds(
    LineOptions,
    line_mode=st.sampled_from(["rate_card", "slab", "single"]),
    tax_mode=st.sampled_from(["line", "adjustment"]),
    credit_mode=st.sampled_from(["adjustment", "discount"]),
    tolerance=st.sampled_from([None, Decimal("0.5"), Decimal(3)]),
)


@st.composite
def amounts(draw: st.DrawFn) -> Decimal:
    """Signed, up to five digits finer than the finest currency."""
    return Decimal(draw(st.integers(-(10**12), 10**14))).scaleb(-draw(st.integers(0, 8)))


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    made = []
    for amount in draw(st.lists(amounts(), min_size=1, max_size=12)):
        parts = draw(st.lists(amounts(), max_size=3))
        rest = amount - sum(parts, Decimal(0))
        whole = draw(st.booleans())
        explained = [*parts, rest] if parts and whole else parts
        slabs = [line(str(part), description="Slab") for part in explained]
        made.append(line(str(amount), draw(kinds), slabs=slabs))
    return made


@given(lines=lines(), decimals=st.sampled_from([0, 2, 3]), options=modes, share=st.decimals(-1, 1, places=3))
def test_zoho_computes_the_total_of_the_document_for_any_lines_within_the_tolerance(
    lines: list[Line], decimals: int, options: LineOptions, share: Decimal
) -> None:
    smallest = Decimal(1).scaleb(-decimals)
    tolerance = smallest if options.tolerance is None else options.tolerance
    total = sum((each.amount for each in lines), Decimal(0)) + share * tolerance
    wanted = total.quantize(smallest, rounding=ROUND_HALF_UP)
    assume(wanted > 0)
    document = invoice(*lines, total=str(total))
    try:
        booking = book(document, decimals, options)
    except Refused as error:
        assume(error.code != "no_lines")
        raise
    assert booking.total == wanted
    assert zoho_total(booking, decimals) == wanted
    assert all(item["rate"] > 0 and item["quantity"] == 1 for item in booking.line_items)
    assert all(item["rate"] == item["rate"].quantize(smallest) for item in booking.line_items)


@given(lines=lines(), decimals=st.sampled_from([0, 2, 3]), gap=st.decimals("0.001", 1000, places=3), up=st.booleans())
def test_lines_that_miss_the_total_by_more_than_the_tolerance_are_refused(
    lines: list[Line], decimals: int, gap: Decimal, up: bool
) -> None:
    tolerance = Decimal("0.1")
    total = sum((each.amount for each in lines), Decimal(0)) + (tolerance + gap) * (1 if up else -1)
    with pytest.raises(Refused) as caught:
        book(invoice(*lines, total=str(total)), decimals, LineOptions(tolerance=tolerance))
    assert caught.value.code == "lines_total"


def test_a_refusal_shows_both_sums_and_the_tolerance() -> None:
    with pytest.raises(Refused, match=r"add up to 12\.34 USD, the total is 15 USD: off by 2\.66, allowed is 0\.01"):
        book(invoice(line("12.34"), total="15.00"), 2, LineOptions())


def mixed(**options: Any) -> Booking:
    document = invoice(
        line("100.00"),
        line("18.00", LineKind.TAX, "GST 18%"),
        line("-50.00", LineKind.CREDIT, "Referral credit"),
        line("-25.00", LineKind.DISCOUNT, "Launch discount"),
    )
    return book(document, 2, LineOptions(**options))


@pytest.mark.parametrize(
    ("tax_mode", "credit_mode", "rates", "discount", "adjustment"),
    [
        ("line", "adjustment", ["100", "18"], "0", "-75"),
        ("adjustment", "adjustment", ["100"], "0", "-57"),
        ("line", "discount", ["100", "18"], "75", "0"),
        ("adjustment", "discount", ["100"], "75", "18"),
    ],
)
def test_taxes_and_reductions_go_where_the_options_say(
    tax_mode: TaxMode, credit_mode: CreditMode, rates: list[str], discount: str, adjustment: str
) -> None:
    booking = mixed(tax_mode=tax_mode, credit_mode=credit_mode)
    assert [item["rate"] for item in booking.line_items] == [Decimal(rate) for rate in rates]
    assert (booking.discount, booking.adjustment) == (Decimal(discount), Decimal(adjustment))
    assert zoho_total(booking, 2) == Decimal(43)


def test_the_adjustment_names_every_part_of_it() -> None:
    assert mixed().adjustment_description == "Referral credit -50.00; Launch discount -25.00"


def test_parts_of_the_adjustment_that_have_no_room_in_its_description_are_listed_in_a_note() -> None:
    credits = [line("-1.00", LineKind.CREDIT, f"Credit of campaign number {number}") for number in range(9)]
    booking = book(invoice(line("100"), *credits), 2, LineOptions())
    assert len(booking.adjustment_description) == 100
    assert all(f"campaign number {number} -1.00" in booking.notes for number in range(9))


def test_a_discount_beyond_the_sum_of_the_lines_is_adjusted() -> None:
    booking = book(
        invoice(line("10"), line("-15", LineKind.CREDIT), line("20", LineKind.TAX)),
        2,
        LineOptions(tax_mode="adjustment", credit_mode="discount"),
    )
    assert (booking.discount, booking.adjustment) == (Decimal(10), Decimal(15))
    assert zoho_total(booking, 2) == Decimal(15)


@pytest.mark.parametrize(("decimals", "rates"), [(0, ["11", "2"]), (2, ["10.50", "1.75"]), (3, ["10.500", "1.750"])])
def test_rates_have_the_decimals_of_the_currency(decimals: int, rates: list[str]) -> None:
    booking = book(invoice(line("10.5"), line("1.75")), decimals, LineOptions())
    assert [str(item["rate"]) for item in booking.line_items] == rates
    assert booking.total == Decimal("12.25").quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    assert zoho_total(booking, decimals) == booking.total


def test_the_rest_of_the_rounding_is_adjusted_and_named() -> None:
    booking = book(invoice(*(line("0.005") for _ in range(3))), 2, LineOptions())
    assert [item["rate"] for item in booking.line_items] == [Decimal("0.01")] * 3
    assert booking.adjustment == Decimal("-0.01")
    assert booking.adjustment_description == "Rounding -0.01"


def test_lines_without_an_amount_are_left_out() -> None:
    booking = book(invoice(line("5"), line("0"), line("0.001")), 2, LineOptions())
    assert [item["rate"] for item in booking.line_items] == [Decimal(5)]


def test_a_total_without_a_line_that_zoho_could_book_is_refused() -> None:
    with pytest.raises(Refused, match="no line with an amount"):
        book(invoice(line("0"), line("-5", LineKind.CREDIT), total="5"), 2, LineOptions(tolerance=Decimal(99)))


def test_a_total_below_zero_is_refused_and_a_credit_note_named() -> None:
    with pytest.raises(Refused, match="credit note"):
        book(invoice(line("5"), line("-8", LineKind.CREDIT)), 2, LineOptions())


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+15", "1E-31"])
def test_what_is_no_amount_of_money_is_refused(amount: str) -> None:
    with pytest.raises(Refused, match="no amount that can be booked"):
        book(invoice(line("1"), line(amount), total="1"), 2, LineOptions())


def test_lines_of_unknown_type_are_booked_or_refused_by_option() -> None:
    document = invoice(line("5"), line("2", LineKind.UNKNOWN, "Odd", source_type="BRAND_NEW"))
    assert [item["name"] for item in book(document, 2, LineOptions()).line_items] == ["API calls", "Odd"]
    with pytest.raises(Refused, match="unknown type: BRAND_NEW"):
        book(document, 2, LineOptions(unknown_lines="refuse"))


SLABS = [
    line("10.00", description="Slab 1", quantity=Decimal(10000), unit_price=Decimal("0.001")),
    line("17.69", description="Slab 2", quantity=Decimal(22109), unit_price=Decimal("0.0008")),
]


@pytest.mark.parametrize(
    ("mode", "names"),
    [("rate_card", ["API calls"]), ("slab", ["API calls: Slab 1", "API calls: Slab 2"]), ("single", ["Scale"])],
)
def test_the_line_mode_decides_what_becomes_a_line(mode: LineMode, names: list[str]) -> None:
    booking = book(invoice(line("27.69", slabs=SLABS), title="Scale"), 2, LineOptions(line_mode=mode))
    assert [item["name"] for item in booking.line_items] == names
    assert zoho_total(booking, 2) == Decimal("27.69")


def test_slabs_that_do_not_explain_their_line_are_left_as_text() -> None:
    booking = book(invoice(line("30.00", slabs=SLABS)), 2, LineOptions(line_mode="slab"))
    assert booking.line_items[0]["rate"] == Decimal("30.00")
    assert booking.line_items[0]["description"] == "Slab 1: 10000 × 0.001\nSlab 2: 22109 × 0.0008"


def test_a_single_line_lists_what_it_holds() -> None:
    document = invoice(line("10"), line("-4", LineKind.CREDIT, "Referral credit"))
    item = book(document, 2, LineOptions(line_mode="single"), "2024-07-01 to 2024-07-31").line_items[0]
    assert item == {
        "name": "Invoice 2024-07-2958",
        "rate": Decimal(6),
        "quantity": 1,
        "description": "API calls: 10.00\nReferral credit: -4.00\n2024-07-01 to 2024-07-31",
    }


def test_a_line_says_quantity_price_group_and_period() -> None:
    document = invoice(line("499", quantity=Decimal("1.50"), unit_price=Decimal("332.67"), group="EU", slabs=[]))
    item = book(document, 2, LineOptions(), "2024-07-01 to 2024-07-31").line_items[0]
    assert item["description"] == "EU\n1.5 × 332.67\n2024-07-01 to 2024-07-31"


def test_long_texts_are_cut_where_zoho_cuts_and_a_warning_says_so() -> None:
    booking = book(invoice(line("5", description="n" * 150, details=["d" * 3000])), 2, LineOptions())
    item = booking.line_items[0]
    assert item["name"] == "n" * 99 + "…"
    assert item["description"].startswith("n" * 150)
    assert len(item["description"]) == 2000
    assert len(booking.warnings) == 1
