"""How close a sink worker comes to what latency and calls in flight allow, with 1 and with 8 connections."""

from __future__ import annotations

from statistics import median

from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.sinks import IN_FLIGHT, LATENCY, stage

COMMANDS = {1: 1500, 8: 6000}


def _rate(bench: Bench, connections: int) -> float:
    """Commands a second from the first intent to the last result."""
    count = bench.amount(COMMANDS[connections])
    with stage(bench.bootstrap, bench.build, connections) as here:
        here.send(connections)
        here.results(connections)
        here.send(count, replay="timed")
        timed = [result for result in here.results(connections + count) if result.replay == "timed"]
    calls = [result for result in timed if result.started and result.ended and result.calls]
    begun = min(result.started for result in calls if result.started)
    ended = max(result.ended for result in calls if result.ended)
    return len(calls) / (ended - begun).total_seconds()


def _figure(connections: int, bound: float) -> Figure:
    def run(bench: Bench) -> Outcome:
        ideal = connections * IN_FLIGHT / LATENCY
        rates = [_rate(bench, connections) for _ in range(bench.rounds)]
        detail = {"commands_per_second": [round(rate) for rate in rates], "ideal": ideal}
        return Outcome(median(rates) / ideal, detail)

    return Figure(
        name=f"sink_vs_ideal_{connections}",
        what=f"commands/s against a {LATENCY * 1000:g} ms twin ÷ (in flight ÷ latency), {connections} connection(s)",
        unit="×",
        bounds=(Bound(bound),),
        run=run,
    )


FIGURES = (_figure(1, 0.85), _figure(8, 0.8))
