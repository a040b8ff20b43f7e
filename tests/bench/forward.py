"""What both forward figures share: a backlog, and one run of a system over it that is checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.bench import backlog, rule
from tests.bench.figure import Bench, Outcome, ratio, side_by_side
from tests.bench.process import run_module
from tests.bench.systems.arguments import Job

BATCH_SIZE = 5_000

Run = Callable[[Job], dict[str, Any]]


def ours(job: Job) -> dict[str, Any]:
    return run_module("tests.bench.systems.agents_forward", job.to_json())


def compare(bench: Bench, name: str, other: Run) -> Outcome:
    """Ours against `other`, each over the same backlog onto a topic of its own."""
    events = bench.amount(rule.EVENTS)
    (source,) = backlog.fresh_topics(bench.bootstrap, "events")
    try:
        backlog.fill(bench.bootstrap, source, rule.events(events))
        systems = {
            "agents": partial(_measure, bench, source, events, ours),
            name: partial(_measure, bench, source, events, other),
        }
        return ratio(side_by_side(bench.rounds, systems), "agents", name)
    finally:
        backlog.drop_topics(bench.bootstrap, [source])


def _measure(bench: Bench, source: str, events: int, run: Run) -> float:
    target, incidents = backlog.fresh_topics(bench.bootstrap, "forwarded", "incidents")
    try:
        job = Job(
            bootstrap=bench.bootstrap,
            source=source,
            target=target,
            events=events,
            batch_size=BATCH_SIZE,
            prefix=incidents.removesuffix("incidents"),
            state_dir=str(bench.build / "bench-state"),
        )
        started: float = run(job)["started"]
        return events / (backlog.arrived(bench.bootstrap, target, rule.number_of, events).last - started)
    finally:
        backlog.drop_topics(bench.bootstrap, [target, incidents])
