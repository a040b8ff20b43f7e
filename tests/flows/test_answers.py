"""Links that share an event: each distinct clause is evaluated once, and nothing else comes out than one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.flows.answers import Answers, questions
from pipeline.flows.expressions import Clause, Clauses, Outcome, compile_clause
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


class Counting(Clauses):
    """Notes which clauses were asked by themselves, and how often all of them were."""

    def __init__(self, *texts: str) -> None:
        super().__init__(compiled(*texts).clauses)
        self.joined = 0
        self.single: list[str] = []

    def hold(self, roots: Mapping[str, Any]) -> bool:
        self.joined += 1
        return super().hold(roots)

    def asked(self, roots: Mapping[str, Any]) -> Callable[[Clause], Outcome]:
        ask = super().asked(roots)

        def noted(clause: Clause) -> Outcome:
            self.single.append(clause.text)
            return ask(clause)

        return noted


def test_a_hundred_links_that_ask_the_same_cost_one_evaluation() -> None:
    clauses, answers = Counting(*TEXTS[:2]), Answers({"status": "open", "total": Decimal(15)})
    for _ in range(100):
        assert answers.first_false(clauses, {}, questions(clauses, {})) is None
    assert (clauses.joined, clauses.single) == (1, [])


def test_links_that_differ_in_an_option_share_the_clauses_that_do_not_read_it() -> None:
    clauses, answers = Counting(TEXTS[0], TEXTS[2]), Answers({"status": "open", "total": Decimal(15)})
    said = []
    for limit in (20, 30, 40, 20):
        options = {"limit": Decimal(limit)}
        false = answers.first_false(clauses, options, questions(clauses, options))
        said.append(false and false.clause)
    assert said == [TEXTS[2]] * 4
    assert clauses.single == [TEXTS[0], TEXTS[2], TEXTS[2], TEXTS[2]]


def test_an_option_that_is_one_and_one_that_is_true_are_two_questions() -> None:
    clauses = compiled("options.send")
    assert questions(clauses, {"send": True}) != questions(clauses, {"send": 1})
