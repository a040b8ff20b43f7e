"""Calls that a fresh contact costs, and writing calls of a replay of all of them, by the twin's own ledger."""

from __future__ import annotations

from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.sinks import stage


def _measure(bench: Bench) -> Outcome:
    count = bench.amount(1000)
    with stage(bench.bootstrap, bench.build, 2) as here:
        here.send(count)
        here.results(count)
        fresh = here.books.counts()["calls_by_kind"].get("contacts.upsert", 0)
        writes = here.books.counts()["writing_calls"]
        here.send(count, replay="again")
        here.results(2 * count)
        counts = here.books.counts()
    detail = {"contacts": counts["contacts"], "duplicates": counts["duplicates"], "results": 2 * count}
    return Outcome(fresh / count, {**detail, "replay_writes": counts["writing_calls"] - writes})


FIGURE = Figure(
    name="calls_per_effect",
    what="calls a fresh contact; `replay_writes` are the writing calls of a replay of all",
    unit="calls",
    bounds=(Bound(1.0), Bound(1.0, at_most=True)),
    run=_measure,
)
