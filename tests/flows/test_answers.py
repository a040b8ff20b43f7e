"""Links that share an event: each distinct clause is evaluated once, and nothing else comes out than one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.flows.answers import Answers, questions
from pipeline.flows.expressions import Clause, Clauses, compile_clause
from tests.flows.toy import Order

SHAPES: dict[str, Any] = {"data": Order, "options": {"limit": Decimal, "send": bool}}
TEXTS = (
    'data.status == "open"',
    "data.total > 10",
    "data.total > options.limit",
    "options.send",
    "has(data.note) && size(data.note) > 1",
    "data.paid == options.send",
)


def compiled(*texts: str) -> Clauses:
    made = [compile_clause(text, SHAPES) for text in texts]
    return Clauses([clause for clause in made if isinstance(clause, Clause)])


LINKS = st.tuples(
    st.lists(st.sampled_from(TEXTS), max_size=4, unique=True).map(lambda texts: compiled(*texts)),
    st.fixed_dictionaries({}, optional={"limit": st.sampled_from([Decimal(1), Decimal(20)]), "send": st.booleans()}),
)
DATA = st.fixed_dictionaries(
    {"status": st.sampled_from(["open", "closed"]), "total": st.sampled_from([Decimal(5), "15"])},
    optional={"note": st.sampled_from(["", "abc"]), "paid": st.booleans()},
)


@given(DATA, st.lists(LINKS, max_size=6))
def test_links_that_share_answers_get_those_that_each_would_get_alone(
    data: dict[str, Any], links: list[tuple[Clauses, Mapping[str, Any]]]
) -> None:
    answers = Answers(data)
    for clauses, options in links:
        roots = {"data": data, "options": options}
        alone = None if clauses.hold(roots) else clauses.first_false(roots)
        assert answers.first_false(clauses, options, questions(clauses, options)) == alone


class Expression:
    """Notes how often it is evaluated."""

    def __init__(self, expression: Any) -> None:
        self._expression = expression
        self.evaluated = 0

    def eval(self, **given: Any) -> Any:
        self.evaluated += 1
        return self._expression.eval(**given)


def counting(*texts: str) -> tuple[Clauses, list[Expression]]:
    counted = [replace(clause, expression=Expression(clause.expression)) for clause in compiled(*texts).clauses]
    return Clauses(counted), [clause.expression for clause in counted]


def test_a_hundred_links_that_ask_the_same_cost_one_evaluation_of_a_clause() -> None:
    clauses, expressions = counting(*TEXTS[:2])
    answers, asked = Answers({"status": "open", "total": Decimal(5)}), questions(clauses, {})
    said = [answers.first_false(clauses, {}, asked) for _ in range(100)]
    assert {one.clause for one in said if one} == {TEXTS[1]}
    assert [expression.evaluated for expression in expressions] == [1, 1]


def test_links_that_differ_in_an_option_share_the_clauses_that_do_not_read_it() -> None:
    clauses, expressions = counting(TEXTS[0], TEXTS[2])
    answers = Answers({"status": "open", "total": Decimal(15)})
    for limit in (20, 30, 40, 20):
        options = {"limit": Decimal(limit)}
        false = answers.first_false(clauses, options, questions(clauses, options))
        assert false is not None
        assert (false.clause, false.read["options.limit"]) == (TEXTS[2], limit)
    assert [expression.evaluated for expression in expressions] == [1, 3]


def test_an_option_that_is_one_and_one_that_is_true_are_two_questions() -> None:
    clauses = compiled("options.send")
    assert questions(clauses, {"send": True}) != questions(clauses, {"send": 1})
