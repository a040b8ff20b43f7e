"""Killed at every point of the effect path and of the decide path, again and again, and started by the supervisor."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.cli.run import Role
from pipeline.failpoints import POINTS, VARIABLE
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

IN_FLIGHT = "sinks.call.in_flight"
"""No point of the code: the process is killed while a call of its is being served."""
DRAINED = "sinks.partition.drained"
"""Reached when the process is asked to leave."""
MOST_HITS = {"sinks.partition.restored": 1, DRAINED: 1, "sinks.command.taken": 60}
"""The point is armed for a hit drawn from 1 to this; for others to `HITS`."""
HITS = 12
PATIENCE = 10.0
"""Seconds in which a life that is up must come to its point; then it is killed where it is."""
KILLS = {Size.SHORT: 3, Size.LONG: 120}
"""Of each of the two roles."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    sinks_points = [*sorted(point for point in POINTS if point.startswith("sinks.")), IN_FLIGHT]
    agents_points = sorted(point for point in POINTS if point.startswith("agents."))
    with lab.fresh(environment=SHORT_TIMES) as machine:
        machine.connect()
        machine.twins.books.twin.latency = LATENCY
        work = Work(machine, rng)
        doomed = [
            Doomed(machine, Role.AGENTS, agents_points, random.Random(rng.random())),
            Doomed(machine, Role.SINKS, sinks_points, random.Random(rng.random())),
        ]
        while not all(each.kills.total() >= KILLS[size] for each in doomed):
            work.keep_busy()
            work.poll()
            for each in doomed:
                if each.look(work, KILLS[size]):
                    work.recovery.injected()
        work.finish()
        machine.stop()
        kills = sum((each.kills for each in doomed), Counter[str]())
        return Row(kills.total(), judge(machine, work.expected), work.recovery.longest, dict(kills))


class Doomed:
    """A role each of whose lives ends at a point drawn for it, until it has died often enough."""

    def __init__(self, machine: Machine, role: Role, points: Sequence[str], rng: random.Random) -> None:
        self._machine = machine
        self._rng = rng
        self._points = self._draw(points)
        self.kills: Counter[str] = Counter()
        self._point, armed = self._next()
        (self._role,) = machine.start(role, environment=armed)
        self._pid: int | None = None
        self._up = 0.0
        self._results = 0

    def look(self, work: Work, most: int) -> bool:
        """Arm the next life when this one is over; whether it has just ended."""
        pid = self._role.pid
        if self._pid is not None and pid != self._pid:
            self._pid = None
            if self._point:
                self.kills[self._point] += 1
            self._point, armed = self._next() if self.kills.total() < most else ("", {VARIABLE: ""})
            self._role.environment.update(armed)
            return True
        if self._pid is None and pid is not None:
            self._pid, self._up, self._results = pid, time.monotonic(), work.progress.results
        if pid is not None and self._point:
            self._help(work)
        return False

    def _help(self, work: Work) -> None:
        """Points that a process does not come to by itself."""
        at_work = work.progress.results > self._results
        if self._point == IN_FLIGHT and at_work and self._calling():
            self._role.send(signal.SIGKILL)
        elif self._point == DRAINED and at_work:
            self._role.send(signal.SIGTERM)
        if time.monotonic() - self._up > PATIENCE:
            self._point = f"{self._role.role}.late"
            self._role.send(signal.SIGKILL)

    def _calling(self) -> bool:
        twins = self._machine.twins
        return twins.books.ledger.in_flight(twins.organization) > 0

    def _next(self) -> tuple[str, dict[str, str]]:
        point = next(self._points)
        hit = self._rng.randint(1, MOST_HITS.get(point, HITS))
        return point, {VARIABLE: "" if point == IN_FLIGHT else f"{point}=kill@{hit}"}

    def _draw(self, points: Sequence[str]) -> Iterator[str]:
        """Each once, in an order of its own, and again."""
        while True:
            yield from self._rng.sample(points, len(points))


FAULTS = (Fault("crash", 1, run),)
