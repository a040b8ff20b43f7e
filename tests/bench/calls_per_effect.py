"""Calls that a fresh contact costs, writing calls of a replay of all of them, and calls where answers are lost.

By the twin's own ledger. An answer that is lost leaves a command in doubt: it is settled by one more call of the same
key. With one answer in twenty lost, repeats included, an effect cannot cost less than 1 ÷ 0.95 = 1.053 calls.
"""

from __future__ import annotations

from pipeline.sandbox.faults import Fault
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.sinks import stage

COUNT, LOSSY = 1000, 4000
LOST, MOST = 0.05, 1.06
SETTINGS = {"quiet_seconds": 1.0}


def _measure(bench: Bench) -> Outcome:
    count = bench.amount(COUNT)
    with stage(bench.bootstrap, bench.build, 2) as here:
        here.send(count)
        here.results(count)
        fresh = here.books.counts()["calls_by_kind"].get("contacts.upsert", 0)
        writes = here.books.counts()["writing_calls"]
        here.send(count, replay="again")
        here.results(2 * count)
        counts = here.books.counts()
    replay_writes = counts["writing_calls"] - writes
    lossy, lost, doubles = _with_lost_answers(bench)
    detail = {
        "contacts": counts["contacts"],
        "duplicates": counts["duplicates"] + doubles,
        "results": 2 * count,
        "replay_writes": replay_writes,
        "lost_answers": lost,
        "with_lost_answers": round(lossy, 4),
        "at_most_with_lost_answers": MOST,
    }
    return Outcome(fresh / count, detail, met=not replay_writes and not doubles and (bench.quick or lossy <= MOST))


def _with_lost_answers(bench: Bench) -> tuple[float, int, int]:
    """Calls an effect, how many answers were lost, and how many objects are there twice."""
    count = bench.amount(LOSSY)
    with stage(bench.bootstrap, bench.build, 2, settings=SETTINGS) as here:
        here.books.place(
            Fault(effect="lose_answer", name="lost", path="/books/v3/contacts*", probability=LOST, times=None)
        )
        here.send(count)
        here.results(count)
        counts = here.books.counts()
        return counts["writing_calls"] / count, here.books.faults_served()["lost"], counts["duplicates"]


FIGURE = Figure(
    name="calls_per_effect",
    what="calls a fresh contact; `replay_writes` are the writing calls of a replay of all",
    unit="calls",
    bounds=(Bound(1.0), Bound(1.0, at_most=True)),
    run=_measure,
)
