"""A storm: members of both groups join, leave, die and restart every two seconds, with calls in flight all the time."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from pipeline.cli.run import Role
from tests.e2e.machine import Machine
from tests.e2e.roles import RoleProcess
from tests.faults.fault import Fault, Row, Size
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

EVERY = 2.0
"""Seconds between two changes of membership."""
MOST = 3
"""Members of a group."""
CHANGES = {Size.SHORT: 5, Size.LONG: 90}
STATIC = "KAFKA_GROUP_INSTANCE_ID"
"""Members that have one keep their partitions over a restart within the session: https://cwiki.apache.org/confluence/x/VTFABw."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    with lab.fresh(environment=SHORT_TIMES) as machine:
        machine.connect()
        machine.twins.books.twin.latency = LATENCY
        work = Work(machine, rng)
        storms = [_Storm(machine, role, rng) for role in (Role.AGENTS, Role.SINKS)]
        work.send()
        work.progress.until(lambda: work.progress.results > 0, 60)
        for number in range(CHANGES[size]):
            storms[number % 2].change()
            work.recovery.injected()
            due = time.monotonic() + EVERY
            while time.monotonic() < due:
                work.keep_busy()
                work.poll()
        work.finish()
        machine.stop()
        changes = storms[0].changes + storms[1].changes
        return Row(changes.total(), judge(machine, work.expected), work.recovery.longest, dict(changes))


class _Storm:
    """The members of one group: one at least, and every second one static."""

    def __init__(self, machine: Machine, role: Role, rng: random.Random) -> None:
        self._machine = machine
        self._role = role
        self._rng = random.Random(rng.random())
        self._members: list[RoleProcess] = []
        self._started = 0
        self.changes: Counter[str] = Counter()
        self._join()

    def change(self) -> None:
        kinds: dict[str, Callable[[], None]] = {"restart": self._restart, "kill": self._kill}
        if len(self._members) < MOST:
            kinds["join"] = self._join
        if len(self._members) > 1:
            kinds["leave"] = self._leave
        kind = self._rng.choice(sorted(kinds))
        kinds[kind]()
        self.changes[f"{self._role}.{kind}"] += 1

    def _join(self) -> None:
        self._started += 1
        own = {STATIC: f"{self._role}-{self._started}"} if self._started % 2 == 0 else {}
        self._members += self._machine.start(self._role, environment=own)

    def _leave(self) -> None:
        self._members.pop(self._rng.randrange(len(self._members))).ask_to_leave()

    def _restart(self) -> None:
        self._rng.choice(self._members).send(signal.SIGTERM)

    def _kill(self) -> None:
        self._rng.choice(self._members).send(signal.SIGKILL)


FAULTS = (Fault("rebalance", 5, run),)
