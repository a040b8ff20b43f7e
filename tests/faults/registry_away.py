"""The schema registry is away: what needs it waits, with what is behind it on its partition; nothing else stops."""

from __future__ import annotations

import random
import time
from collections import Counter

from pipeline.cli.run import Role
from pipeline.kafka.partitioner import partition_of
from pipeline.sandbox.wire import Json, encode
from tests.e2e.control import PARTITIONS
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected, judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.progress import Progress
from tests.faults.raw import Raw, RawProducer
from tests.faults.schema_registry import FAILURES, MORE, SchemaRegistry, in_confluent, schema_registry

ROUNDS = {Size.SHORT: 1, Size.LONG: 8}
ACCOUNTS = 6
COMMANDS = 14
"""Of an account of a backlog."""
PATIENCE = 30.0


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    with (
        schema_registry() as registry,
        lab.fresh(environment={**SHORT_TIMES, "SCHEMA_REGISTRY_URL": registry.url}) as machine,
    ):
        machine.connect()
        machine.start(Role.AGENTS, Role.SINKS)
        outages = Outages(machine, registry, rng)
        for number in range(ROUNDS[size]):
            outages.one(MORE[number])
        machine.stop()
        tally = judge(machine, outages.expected) + outages.tally
        return Row(outages.counts.total(), tally, outages.longest, dict(outages.counts))


class Outages:
    """One after the other, each with a backlog of its own and a schema that nobody has asked for yet."""

    def __init__(self, machine: Machine, registry: SchemaRegistry, rng: random.Random) -> None:
        self._machine = machine
        self._registry = registry
        self._rng = rng
        self._producer = RawProducer(machine.here.access)
        self.expected = Expected(events=[], commands=0)
        self.progress = Progress(machine, self.expected)
        self.counts: Counter[str] = Counter()
        self.tally = Tally()
        self.longest = 0.0

    def one(self, schema: int) -> None:
        backlog = Backlog(self._machine, ACCOUNTS, seed=self._rng.getrandbits(40))
        more = Expected.of(backlog)
        self.expected = self.expected + more
        self.progress.expect(more)
        held = self._rng.choice(backlog.events)
        place = _partition(held)
        failure = self._rng.choice(FAILURES)
        self._registry.away = failure
        self.counts[failure] += 1
        self._producer.send(
            [self._raw(event, in_confluent(event, schema) if event is held else None) for event in backlog.events]
        )
        waiting = {event["id"] for event in backlog.events[backlog.events.index(held) :] if _partition(event) == place}
        others = {event["id"] for event in backlog.events if _partition(event) != place}
        accounts = {event["party"] for event in backlog.events if event["id"] in others}

        def ended() -> bool:
            return len(self._machine.record.results_of(*others)) >= COMMANDS * len(accounts)

        if not self.progress.until(ended, PATIENCE):
            self._found(f"while the registry fails ({failure}), events of other partitions stand still", unresolved=1)
        early = waiting & {decision.event_id for decision in self._machine.record.decisions}
        if early:
            self._found(f"{len(early)} events were decided before one in front of them", out_of_order=len(early))
        self._registry.away = None
        began = time.monotonic()
        if self.progress.until_done(PATIENCE):
            self.longest = max(self.longest, time.monotonic() - began)

    def _raw(self, event: Json, value: bytes | None) -> Raw:
        key = f"{event['connection']}/{event['party']}".encode()
        return Raw(self._machine.here.topics.events("togai"), key, value or encode(event))

    def _found(self, finding: str, *, unresolved: int = 0, out_of_order: int = 0) -> None:
        self.tally += Tally(unresolved=unresolved, out_of_order=out_of_order, findings=(finding,))


def _partition(event: Json) -> int:
    return partition_of(f"{event['connection']}/{event['party']}".encode(), PARTITIONS)


FAULTS = (Fault("registry away", 8, run),)
