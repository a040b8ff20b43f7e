"""The whole decision in the agents' runtime against a bare loop that calls the same functions."""

from __future__ import annotations

from functools import partial

from tests.bench import backlog, deciding
from tests.bench.figure import Bench, Bound, Figure, Outcome, ratio, side_by_side
from tests.bench.process import run_module
from tests.bench.systems.arguments import Job

SYSTEMS = {"agents": "tests.bench.systems.agents_decide", "raw": "tests.bench.systems.raw_decide"}


def run(bench: Bench) -> Outcome:
    events = bench.amount(deciding.EVENTS)
    (source,) = backlog.fresh_topics(bench.bootstrap, "events")
    try:
        backlog.fill(bench.bootstrap, source, deciding.events(events))
        systems = {name: partial(_measure, bench, source, events, module) for name, module in SYSTEMS.items()}
        return ratio(side_by_side(bench.rounds, systems), "agents", "raw")
    finally:
        backlog.drop_topics(bench.bootstrap, [source])


def _measure(bench: Bench, source: str, events: int, module: str) -> float:
    names = [spec.name for spec in deciding.topics_of("").specs()]
    made = backlog.fresh_topics(bench.bootstrap, *names)
    prefix = made[0].removesuffix(names[0])
    try:
        job = Job(
            bootstrap=bench.bootstrap,
            source=source,
            target="",
            events=events,
            batch_size=deciding.BATCH_SIZE,
            prefix=prefix,
            state_dir=str(bench.build / "bench-state"),
        )
        started: float = run_module(module, job.to_json())["started"]
        decisions = deciding.topics_of(prefix).decisions
        return events / (backlog.arrived(bench.bootstrap, decisions, deciding.number_of, events).last - started)
    finally:
        backlog.drop_topics(bench.bootstrap, made)


FIGURE = Figure(
    name="decide_vs_raw",
    what="agents' runtime ÷ bare loop: envelope, dedupe, two flows, decision and command, transaction",
    unit="×",
    bounds=(Bound(0.85),),
    run=run,
)
