"""What parties that fail cost those that do not: latency from a command on its topic to its result.

Commands of 297 healthy parties come evenly, each a writing call. Beside them, commands of 3 more parties (1 %) get a
503 for every call: each fails, waits for its back-off and fails again, until the end. Both are measured on one worker
and one connection, in turn. Ten minutes are cut to one: back-off grows with time, so the first minute of a failure is
the one with the most failing calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from statistics import median, quantiles

import msgspec

from pipeline.sandbox.faults import Fault
from pipeline.schemas.records import Command
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.sinks import PATIENCE, Stage, make_command, stage

SECONDS, QUICK_SECONDS = 60.0, 6.0
RATE = 40.0
"""Commands of healthy parties a second: a fifth of what ten calls in flight of 50 ms come to."""
HEALTHY, FAILING = 297, 3
SETTINGS = {"quiet_seconds": 1.0}
BROKEN = "invoice-that-fails"
FAILS = Fault(effect="answer", name="fails", status=503, body="{}", times=None, path=f"/books/v3/invoices/{BROKEN}*")
STEP = 0.05


def _measure(bench: Bench) -> Outcome:
    seconds = QUICK_SECONDS if bench.quick else SECONDS
    turns = count()
    ratios, calm, troubled, served = [], [], [], 0
    with stage(bench.bootstrap, bench.build, 1, settings=SETTINGS) as here:
        _latencies(here, STEP * 20, next(turns), failing=False)
        for _ in range(1 if bench.quick else bench.rounds):
            without = _p99(_latencies(here, seconds, next(turns), failing=False))
            here.books.place(FAILS)
            under = _p99(_latencies(here, seconds, next(turns), failing=True))
            served += here.books.faults_served()["fails"]
            here.books.clear_faults()
            calm.append(round(without * 1000))
            troubled.append(round(under * 1000))
            ratios.append(under / without)
    detail = {"milliseconds_without": calm, "milliseconds_with": troubled, "failed_calls": served, "seconds": seconds}
    return Outcome(median(ratios), detail, met=served > 0)


def _p99(latencies: list[float]) -> float:
    return quantiles(latencies, n=100)[98]


def _latencies(here: Stage, seconds: float, turn: int, *, failing: bool) -> list[float]:
    """Of the healthy parties' commands of `seconds`, sent at an even pace."""
    (connection,) = here.connections
    if failing:
        here.send_commands(_broken(connection, turn))
    producer, topic = here.access.producer({"linger.ms": 0}), here.topics.commands("zohobooks")
    sent: dict[str, float] = {}
    took: list[float] = []
    with here.reading() as read:
        began, wanted = time.monotonic(), round(seconds * RATE)
        deadline = began + seconds + PATIENCE
        while len(took) < wanted:
            due = min(wanted, round((time.monotonic() - began) * RATE))
            for number in range(len(sent), due):
                party = f"account-{number % HEALTHY:06d}"
                command = make_command(connection, party, name=f"{party} {turn} {number}")
                sent[command.id] = time.time()
                producer.produce(topic, here.codec.encode(command), connection.encode())
            producer.poll(0)
            took += [written - sent[result.command] for result, written in read(STEP) if result.command in sent]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(took)} of {wanted} results")
    return took


def _broken(connection: str, turn: int) -> Iterator[Command]:
    """Each failing party's command, and some that queue behind it."""
    for party in range(FAILING):
        for number in range(10):
            made = make_command(connection, f"failing-{turn}-{party}")
            invoice = f"{BROKEN}-{turn}-{party}-{number}"
            yield msgspec.structs.replace(made, action="mark_invoice_sent", input={"invoice_id": invoice})


FIGURE = Figure(
    name="isolation_p99",
    what="p99 latency of healthy parties while 1 % of the parties fail ÷ p99 without failures",
    unit="×",
    bounds=(Bound(1.5, at_most=True),),
    run=_measure,
)
