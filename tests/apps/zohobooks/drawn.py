"""Neutral documents as they might come, drawn by Hypothesis: long and odd texts, extreme amounts, any currency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from hypothesis import strategies as st

from pipeline.schemas.documents import (
    Address,
    Allocation,
    CreditNote,
    Invoice,
    Line,
    LineKind,
    Party,
    Payment,
    PaymentMethod,
)

T = TypeVar("T")
LENGTHS = (0, 1, 49, 51, 99, 101, 200, 201, 256, 501, 1001, 2001, 5001)
"""About the limits of Zoho's fields."""
ODD = 'x \t\n"\\\x00\x7fÀ漢😀\u202e;,'
START = datetime(2000, 1, 1, tzinfo=UTC)


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """The odd one in sixteen: what is odd in one place has to be well in the others to be sent at all."""
    return st.integers(0, 15).flatmap(lambda drawn: odd if drawn == 15 else usual)


ODD_TEXTS = st.one_of(
    st.text(ODD, max_size=8),
    st.builds(lambda length, letter: letter * length, st.sampled_from(LENGTHS), st.sampled_from("x漢😀")),
)
TEXTS = mostly(st.sampled_from(["Acme", "API calls", "Zoë 漢 & Söhne", 'a "b"\n\tc\x00']), ODD_TEXTS)
IDS = mostly(st.sampled_from(["acme-prod", "inv.1", "7"]), ODD_TEXTS)
CURRENCIES = mostly(st.sampled_from(["USD", "JPY", "KWD", "EUR"]), st.sampled_from(["usd", "XXX", ""]))
ODD_AMOUNTS = st.sampled_from(["0", "-1", "0.005", "0.0001", "999999999999999.999", "1e15", "1e-40", "NaN", "Infinity"])
AMOUNTS = mostly(st.decimals(0, 10**6, places=4).map(str), ODD_AMOUNTS).map(Decimal)
SIGNED = mostly(st.decimals(-(10**3), 10**6, places=4).map(str), ODD_AMOUNTS).map(Decimal)
TIMES = mostly(
    st.integers(0, 1_500_000_000).map(lambda seconds: START + timedelta(seconds=seconds)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)
DAYS = mostly(st.none() | st.integers(0, 400), st.sampled_from([-(2**31), -5, 2**31, 10**9]))

ADDRESSES = st.builds(
    Address, line1=TEXTS, line2=TEXTS, city=TEXTS, state=TEXTS, postal_code=TEXTS, country=TEXTS, phone=TEXTS
)
PARTIES = st.builds(
    Party,
    type=st.just("account"),
    id=IDS,
    name=TEXTS,
    company=TEXTS,
    email=TEXTS,
    other_emails=st.lists(TEXTS, max_size=3),
    phone=TEXTS,
    currency=CURRENCIES,
    net_term_days=DAYS,
    address=st.none() | ADDRESSES,
    tax_ids=mostly(
        st.sampled_from([{}, {"gst": "29ABCDE1234F2Z5", "kind": "consumer"}]),
        st.dictionaries(st.sampled_from(["gst", "vat", "kind"]), TEXTS, max_size=3),
    ),
)


def lines(depth: int = 1) -> st.SearchStrategy[Line]:
    return st.builds(
        Line,
        kind=st.sampled_from(LineKind),
        source_type=TEXTS,
        description=TEXTS,
        amount=SIGNED,
        quantity=st.none() | SIGNED,
        unit_price=st.none() | SIGNED,
        group=TEXTS,
        details=st.lists(TEXTS, max_size=2),
        slabs=st.lists(lines(0), max_size=2) if depth else st.just([]),
    )


MANY_LINES = st.one_of(
    st.lists(lines(), min_size=1, max_size=4),
    st.builds(lambda line: [line] * 40, lines(0)),
)


def _total(given: list[Line]) -> Decimal:
    """The sum, where there is one."""
    finite = [line.amount for line in given if line.amount.is_finite()]
    return sum(finite, Decimal(0))


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """The total is mostly that of the lines."""
    given = draw(MANY_LINES)
    return Invoice(
        id=draw(IDS),
        party=draw(PARTIES),
        currency=draw(CURRENCIES),
        total=draw(mostly(st.just(_total(given)), SIGNED)),
        lines=given,
        issued=draw(TIMES),
        number=draw(TEXTS),
        due=draw(st.none() | TIMES),
        net_term_days=draw(DAYS),
        period_start=draw(st.none() | TIMES),
        period_end=draw(st.none() | TIMES),
        title=draw(TEXTS),
    )


@st.composite
def credit_notes(draw: st.DrawFn) -> CreditNote:
    given = draw(MANY_LINES)
    return CreditNote(
        id=draw(IDS),
        party=draw(PARTIES),
        currency=draw(CURRENCIES),
        total=draw(mostly(st.just(_total(given)), SIGNED)),
        lines=given,
        issued=draw(TIMES),
        number=draw(TEXTS),
        reference=draw(TEXTS),
        reason=draw(TEXTS),
    )


ALLOCATIONS = st.builds(Allocation, invoice=st.sampled_from(["inv.1", "inv.2"]), amount=AMOUNTS.map(lambda a: a / 8))
PAYMENTS = st.builds(
    Payment,
    id=IDS,
    party=PARTIES,
    currency=CURRENCIES,
    amount=AMOUNTS,
    paid=TIMES,
    allocations=st.lists(ALLOCATIONS, max_size=2),
    method=st.sampled_from(PaymentMethod),
    number=TEXTS,
    reference=TEXTS,
    description=TEXTS,
)
