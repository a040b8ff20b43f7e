"""How much of its quota a connection uses with more to do than it may, while its owner changes once.

Zoho Books allows 100 calls in any 60 s. The twin destination counts calls as they arrive, after a random delay. What
is measured is how long 500 calls take, which may be made in five minutes, whatever moment these begin at. The change
falls into a burst of calls or between two. The figure is that of a hand-over; after a kill nobody calls until the
session has ended, which is told beside it.
"""

from __future__ import annotations

from itertools import count, product
from statistics import median

from pipeline.apps.registry import load_apps
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.virtual import most_within, run

A_MINUTE, CALLS_A_MINUTE = 60.0, 100
MINUTES = 5
SESSION = 6.0
"""Seconds until somebody takes over from a worker that was killed."""
SETTINGS = {"organization_id": "1", "calls_per_minute": CALLS_A_MINUTE}
CHANGES = {"in a burst": 307.0, "between bursts": 340.0}
ENDS = {"handed over": None, "killed": SESSION}


def _utilisation(arrivals: list[float], change: float) -> float:
    """Of the time that the calls of five minutes take, for each such span that holds the change: the median."""
    many = MINUTES * CALLS_A_MINUTE
    took = [
        arrivals[place + many] - first
        for place, first in enumerate(arrivals[:-many])
        if first < change < arrivals[place + many]
    ]
    return MINUTES * A_MINUTE / median(took)


def _measure(bench: Bench) -> Outcome:
    quota = load_apps()["zohobooks"].quota(SETTINGS)
    used: dict[str, float] = {}
    over = 0
    seeds = count(1)
    for (moment, change), (end, away) in product(CHANGES.items(), ENDS.items()):
        rounds = []
        for _ in range(1 if bench.quick else bench.rounds):
            arrivals = run(quota, 700.0, change, away, next(seeds))
            rounds.append(_utilisation(arrivals, change))
            over += max(0, most_within(arrivals, A_MINUTE) - CALLS_A_MINUTE)
        used[f"{end} {moment}"] = round(median(rounds), 4)
    detail = {"over": over, "window": list(quota.windows[0]), "changes": used}
    return Outcome(min(share for how, share in used.items() if how.startswith("handed over")), detail, met=over == 0)


FIGURE = Figure(
    name="quota_utilisation",
    what="calls made ÷ calls allowed of a saturated connection, two workers, one owner change",
    unit="×",
    bounds=(Bound(0.98),),
    run=_measure,
)
