"""The agents' runtime against a bare confluent-kafka loop that does the same."""

from __future__ import annotations

from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.forward import compare
from tests.bench.process import run_module


def run(bench: Bench) -> Outcome:
    return compare(bench, "raw", lambda job: run_module("tests.bench.systems.raw_forward", job.to_json()))


FIGURE = Figure(
    name="forward_vs_raw",
    what="agents' runtime ÷ bare loop: decode, two comparisons, forward, exactly once",
    unit="×",
    bounds=(Bound(0.9),),
    run=run,
)
