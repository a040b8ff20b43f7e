"""Calls whose answer never comes: lost after they were applied, lost before, or applied long after a 504."""

from __future__ import annotations

import random

from pipeline.sandbox.faults import Fault as Rule
from tests.faults.calls import Mix, Pair
from tests.faults.fault import Fault, Row, Size
from tests.faults.lab import Lab

WRITES = "P*"
"""POST, PUT and PATCH."""
LATE = ("*/contacts", "*/contacts/*", "*/invoices")
"""A contact that is created, one that is changed, an invoice."""
LOST = (
    Rule(effect="lose_answer", name="answer lost"),
    Rule(effect="lose_request", name="request lost"),
    Rule(effect="reset", name="connection reset"),
)


def short_gaps(lab: Lab, rng: random.Random, size: Size) -> Row:
    """All calls, reads too, and writes that are applied up to a second late."""
    pair = Pair(lab.machine(), rng)
    late = [
        Rule(effect="late", name=f"applied {seconds:g} s late", seconds=seconds, method=WRITES)
        for seconds in (0.1, 0.4, 1.0)
    ]
    pair.work()
    for served in (pair.machine.twins.books, pair.machine.twins.togai):
        Mix((*LOST, *late), share=0.4).place(served, rng)
    progress = pair.send(pair.backlog({Size.SHORT: 20, Size.LONG: 120}[size]))
    progress.until_done({Size.SHORT: 60.0, Size.LONG: 300.0}[size])
    pair.clear()
    return pair.row()


def long_gaps(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Writes of one kind that are applied up to 90 s late; the quiet period is the next longer thing.

    Of one kind, so that an account meets two of them at the most.
    """
    longest, accounts = {Size.SHORT: (1.5, 20), Size.LONG: (90.0, 120)}[size]
    pair = Pair(lab.machine(), rng, quiet=longest + 2)
    path = rng.choice(LATE)
    late = [
        Rule(effect="late", name=f"applied {longest * part:g} s late", seconds=longest * part, method="PUT", path=path)
        for part in (0.1, 0.5, 1.0)
    ]
    pair.work()
    Mix(late, share=0.5, each=1).place(pair.machine.twins.books, rng)
    progress = pair.send(pair.backlog(accounts))
    progress.until_done(longest * 4 + 60)
    pair.clear()
    return pair.row()


FAULTS = (Fault("lost answer", 2, short_gaps), Fault("late call", 2, long_gaps))
