"""What one event says to the conditions of the links that it meets.

Many links ask the same: a flow switched on for many destinations, or copies of a flow that differ in their last clause.
Each distinct clause is evaluated once an event, be it asked by one link or by a hundred.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from pipeline.flows.expressions import Clauses, Outcome, refusal

Questions = tuple[Hashable, ...]
"""What each clause of a link asks: equal for clauses that say the same of every event of a kind."""


def questions(clauses: Clauses, options: Mapping[str, Any]) -> Questions:
    """A question for each clause: its text, and the options that it reads with their types (1 is not true)."""
    asked = []
    for clause in clauses.clauses:
        given = tuple((read.text, read.get(options)) for read in clause.reads if read.root == "options")
        asked.append((clause.text, tuple((text, type(value), value) for text, value in given)))
    return tuple(asked)


class Answers:
    """Of one event. For links of one event kind, since the fields that clauses read have the types of that kind."""

    __slots__ = ("_answers", "_clauses", "_data")

    def __init__(self, data: Any) -> None:
        self._data = data
        self._answers: dict[Questions, Outcome | None] = {}
        self._clauses: dict[Hashable, Outcome | None] = {}

    def first_false(self, clauses: Clauses, options: Mapping[str, Any], asked: Questions) -> Outcome | None:
        """The first clause that does not hold; None where all of them do. `asked` are their questions."""
        if asked in self._answers:
            return self._answers[asked]
        roots = {"data": self._data, "options": options}
        if not self._answers and clauses.hold(roots):
            # Most events meet one link, and match it: all its clauses at once is the least work.
            self._clauses = dict.fromkeys(asked)
            answer = None
        else:
            answer = self._ask(clauses, roots, asked)
        self._answers[asked] = answer
        return answer

    def _ask(self, clauses: Clauses, roots: Mapping[str, Any], asked: Questions) -> Outcome | None:
        """Clause by clause, those left out that another link asked before."""
        known = self._clauses
        for clause, question in zip(clauses.clauses, asked, strict=True):
            if question not in known:
                known[question] = refusal(clause, roots)
            answer = known[question]
            if answer is not None:
                return answer
        return None
