"""Clauses: what they read, what they bind, how they come out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flows.expressions import Clause, Clauses, compile_clause
from tests.flows.toy import Order

SHAPES: dict[str, Any] = {"data": Order, "options": {"limit": Decimal, "send": bool}, "steps": {"book": Any}}


def clauses(*texts: str) -> Clauses:
    compiled = [compile_clause(text, SHAPES) for text in texts]
    return Clauses([clause for clause in compiled if isinstance(clause, Clause)])


def holds(text: str, data: Any, **roots: Any) -> bool:
    compiled = compile_clause(text, SHAPES)
    assert isinstance(compiled, Clause), compiled
    one = Clauses([compiled])
    outcome = one.explain({"data": data, **roots})[0]
    assert one.hold({"data": data, **roots}) is outcome.holds
    return outcome.holds


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ('data.status == "open"', {"data.status"}),
        ('data.address.city == "x" && has(data.note)', {"data.address.city", "data.note"}),
        ('data.status.startsWith("data.paid") // data.note', {"data.status"}),
        ("data.status == 'data.paid' || data . paid", {"data.status", "data.paid"}),
        ("data.lines.exists(line, line.sku == data.id)", {"data.lines", "data.id"}),
        ('data.labels["region"] == "eu" && data.labels.tier == "a"', {"data.labels", "data.labels.tier"}),
        ("options.send && steps.book.id != ''", {"options.send", "steps.book.id"}),
        ('r"\\d" + """data.paid""" == data.status', {"data.status"}),
    ],
)
def test_a_clause_reads_the_fields_it_names_and_no_others(text: str, reads: set[str]) -> None:
    compiled = compile_clause(text, SHAPES)
    assert isinstance(compiled, Clause), compiled
    assert {read.text for read in compiled.reads} == reads


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("data.total > 0", {"total": Decimal("0.01")}, True),
        ("data.total > 0", {"total": Decimal("0.00")}, False),
        ("data.total == 12.10", {"total": Decimal("12.1")}, True),
        ("data.total == 3", {"total": Decimal("3.00")}, True),
        ("data.total > 0", {"total": 5}, True),
        ("data.total > 0", {"total": "12.50"}, True),
        ("data.total > 0", {"total": "much"}, False),
        ("data.total > 0", {"total": 10**30}, True),
        ("data.total > 0", {}, False),
        ("data.total > 0", {"total": None}, False),
        ("data.total > 0", None, False),
        ("data.total > 0", ["total"], False),
        ("!(data.total > 0)", {}, False),
        ("has(data.note)", {"note": None}, False),
        ('!has(data.note) || data.note == "x"', {}, True),
        ('!has(data.note) || data.note == "x"', {"note": "y"}, False),
        ('data.address.city == "x"', {"address": {"city": "x", "street": object()}}, True),
        ('data.address.city == "x"', {"address": "x"}, False),
        ("data.lines.exists(line, line.n > 1)", {"lines": [{"n": Decimal("1.5")}, {"n": 1}]}, True),
        ('data.labels["region"] == "eu" && data.labels.tier == "a"', {"labels": {"region": "eu", "tier": "a"}}, True),
        ('timestamp(data.id) > timestamp("2024-01-01T00:00:00Z")', {"id": datetime(2025, 1, 1, tzinfo=UTC)}, True),
        ('data.status == "open" // as Togai says', {"status": "open"}, True),
    ],
)
def test_a_clause_holds_or_does_not_and_an_error_never_matches(text: str, data: Any, *, expected: bool) -> None:
    assert holds(text, data) is expected


def test_clauses_may_read_options_and_steps() -> None:
    options = {"limit": Decimal("10.5"), "send": True}
    assert holds("options.send && data.total > options.limit", {"total": Decimal("10.51")}, options=options)
    assert holds('steps.book.state == "new"', {}, steps={"book": {"state": "new"}})
    assert not holds('steps.book.state == "new"', {}, steps={})


def test_clauses_that_read_only_options_are_constant() -> None:
    assert clauses("options.send", "options.limit > 1.0").constant
    assert not clauses("options.send", "data.paid").constant
    assert clauses().constant


def test_no_clauses_always_hold() -> None:
    assert clauses().hold({})


def test_large_values_stand_in_the_explanation_by_their_size() -> None:
    outcome = clauses("size(data.lines) > 5").first_false({"data": {"lines": [{}, {}]}})
    assert outcome.read == {"data.lines": "list of 2"}


def test_an_error_that_no_missing_field_explains_says_what_it_is() -> None:
    outcome = clauses('data.note.matches("x") && int(data.id) > 1').first_false({"data": {"note": "x", "id": "a"}})
    assert "a" in outcome.message


AMOUNTS = st.decimals(min_value=-(10**11), max_value=10**11, places=3)


@given(one=AMOUNTS, other=AMOUNTS)
def test_amounts_of_up_to_fifteen_digits_compare_as_decimals_do(one: Decimal, other: Decimal) -> None:
    for sign, expected in (("<", one < other), ("==", one == other), (">=", one >= other)):
        literal = f"{other:f}" if other >= 0 else f"(0.0 - {-other:f})"
        assert CACHE.setdefault((sign, literal), clauses(f"data.total {sign} {literal}")).hold(
            {"data": {"total": one}}
        ) is bool(expected)


CACHE: dict[tuple[str, str], Clauses] = {}


@given(text=st.text(st.sampled_from("data.status()[]\"'&|! \n/0x{}"), max_size=30))
def test_whatever_is_written_compiles_or_is_faulted_within_the_text(text: str) -> None:
    made = compile_clause(text, SHAPES)
    if not isinstance(made, Clause):
        assert made
        assert all(0 <= fault.offset <= len(text) for fault in made)
