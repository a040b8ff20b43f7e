"""An organisation without our unique fields that allows duplicate names and whose lists lag: the faults 1 and 2 there.

Nothing but looking first stands between a lost answer and a second customer.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.cli.run import Role
from pipeline.failpoints import POINTS
from pipeline.sandbox.faults import Fault as Rule
from tests.e2e.machine import Machine
from tests.faults.calls import Mix
from tests.faults.crash import IN_FLIGHT, Doomed
from tests.faults.fault import Fault, Row, Size
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

LAG = 0.4
"""Seconds that the lists are behind the writes."""
LATE = 0.3
"""Seconds after its 504 that a call is applied."""
WAITS: Mapping[str, Any] = {"quiet_seconds": 1.0, "lag_seconds": 1.0, "timeout_seconds": 1.0}
"""Longer together than `LAG` and `LATE`: what the connection promises rests on that."""
LOST = (
    Rule(effect="lose_answer", name="answer lost"),
    Rule(effect="lose_request", name="request lost"),
    Rule(effect="cut", name="answer cut"),
    Rule(effect="late", name=f"applied {LATE:g} s late", seconds=LATE, method="POST"),
)
KILLS = {Size.SHORT: 2, Size.LONG: 60}
ACCOUNTS = {Size.SHORT: 8, Size.LONG: 20}
BACKLOGS = {Size.SHORT: 1, Size.LONG: 6}
POINTS_OF_CALLS = ("sinks.call.sending", "sinks.call.answered", IN_FLIGHT)


@contextmanager
def keyless(lab: Lab, environment: Mapping[str, str] | None = None) -> Iterator[Machine]:
    """Connected, by the weaker way; nothing runs yet."""
    with lab.fresh(environment=environment) as machine:
        twins, control = machine.twins, machine.control
        twins.remove_fields()
        twins.change(list_lag_seconds=LAG, duplicate_contact_names=True, loose_filters=True)
        twins.books.twin.latency = LATENCY
        rows = [control.togai(), control.books(unique_field="preferred", **WAITS)]
        done = machine.apply(control.write(rows, control.links()))
        assert all(item.good for item in done.values()), done
        yield machine


def crash(lab: Lab, rng: random.Random, size: Size) -> Row:
    """The sinks are killed around their calls, most often, and at every other point of the effect path."""
    with keyless(lab, SHORT_TIMES) as machine:
        work = Work(machine, rng, accounts=ACCOUNTS[size])
        machine.start(Role.AGENTS)
        others = sorted(point for point in POINTS if point.startswith("sinks."))
        points = POINTS_OF_CALLS if size is Size.SHORT else (*POINTS_OF_CALLS * 3, *others)
        doomed = Doomed(machine, Role.SINKS, points, random.Random(rng.random()))
        while doomed.kills.total() < KILLS[size]:
            work.keep_busy()
            work.poll()
            if doomed.look(work, KILLS[size]):
                work.recovery.injected()
        work.finish()
        machine.stop()
        return Row(doomed.kills.total(), judge(machine, work.expected), work.recovery.longest, dict(doomed.kills))


def lost_answer(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Answers and requests are lost, answers cut, and creates applied late."""
    with keyless(lab) as machine:
        books = machine.twins.books
        Mix(LOST, share=0.2).place(books, rng)
        work = Work(machine, rng, accounts=ACCOUNTS[size])
        machine.start(Role.AGENTS, Role.SINKS)
        for _ in range(BACKLOGS[size]):
            work.send()
            work.recovery.injected()
            work.finish()
        machine.stop()
        served = Counter(books.twin.faults.served)
        return Row(served.total(), judge(machine, work.expected), work.recovery.longest, dict(served))


FAULTS = (Fault("keyless crash", 1, crash), Fault("keyless lost answer", 2, lost_answer))
