"""`id.mappings` is compacted while workers load and follow it: each knows all of it, wherever it begins to read."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable

from confluent_kafka import TopicPartition

from pipeline.clock import elapsed
from pipeline.kafka.admin import create_topics, delete_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key
from pipeline.schemas.topics import Topics
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.restore import AWAY_SECONDS, MappingTail
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.lab import Lab
from tests.faults.raw import Raw
from tests.faults.topic_config import configure

PARTITIONS = 2
OBJECTS = 400
SCOPE = "books+togai"
EAGER = {
    "segment.bytes": str(1024 * 1024),
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
}
"""What is written is compacted as soon as the broker's cleaner looks at it again."""
KEPT, GONE = {"delete.retention.ms": "600000"}, {"delete.retention.ms": "0"}
"""Tombstones outlast who comes back, or are gone by then: the latter must know that it was away for too long."""
COMPACTIONS = {Size.SHORT: 2, Size.LONG: 10}
LONGEST = {Size.SHORT: 30.0, Size.LONG: 120.0}
"""Seconds to wait for so many."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    topics = Topics(f"compaction-{uuid.uuid4().hex[:8]}.", PARTITIONS, ("togai", "zohobooks"))
    spec = next(spec for spec in topics.specs() if spec.name == topics.mappings)
    create_topics(lab.access, [spec], 1)
    kept = rng.random() < 0.5
    configure(lab.access, topics.mappings, EAGER | (KEPT if kept else GONE))
    readers = Readers(lab.access, topics, rng, away=0.0 if kept else 2 * AWAY_SECONDS)
    try:
        began = time.monotonic()
        while readers.compactions < COMPACTIONS[size] and time.monotonic() < began + LONGEST[size]:
            readers.write(rng.randint(50, 400))
            readers.look()
        readers.look()
    finally:
        readers.close()
        delete_topics(lab.access, [topics.mappings])
    return Row(readers.compactions, readers.tally, readers.slowest, dict(readers.counts))


class Readers:
    """One worker that follows all the time, one that comes back now and then, and new ones; and what each must know."""

    def __init__(self, access: KafkaAccess, topics: Topics, rng: random.Random, *, away: float) -> None:
        """`away`: seconds that the one that comes back was away, by its clock."""
        self._access, self._topics, self._rng = access, topics, rng
        self._away, self._passed = away, 0.0
        self._codec = Codec()
        self._known: dict[str, ObjectRef] = {}
        """By object id, what was acknowledged last."""
        self._producer = access.transactional_producer(f"{topics.prefix}writer")
        self._follower = self._tail()
        self._returning = self._tail(lambda: self._passed)
        self._found = 0
        self.compactions = 0
        self.counts: Counter[str] = Counter()
        self.tally = Tally()
        self.slowest = 0.0
        for _, tail in (self._follower, self._returning):
            tail.catch_up()

    def write(self, count: int) -> None:
        """Rows and tombstones, in one transaction; now and then one that is rolled back."""
        rolled_back = self._rng.random() < 0.2
        changed: dict[str, ObjectRef | None] = {}
        self._producer.begin_transaction()
        for _ in range(count):
            id_ = f"account-{self._rng.randrange(OBJECTS)}"
            other = ObjectRef(app="zohobooks", type="contact", id=str(self._rng.getrandbits(50)))
            changed[id_] = None if self._rng.random() < 0.2 else other
            raw = self._raw(id_, changed[id_])
            self._producer.produce(raw.topic, raw.value, raw.key)
        if rolled_back:
            self._producer.flush()
            self._producer.abort_transaction()
            self.counts["transaction rolled back"] += 1
            return
        self._producer.commit_transaction()
        for id_, other_ in changed.items():
            if other_ is None:
                self._known.pop(id_, None)
            else:
                self._known[id_] = other_

    def _raw(self, id_: str, other: ObjectRef | None) -> Raw:
        value = None if other is None else self._codec.encode(Mapping(other=other, hash="h" * 16))
        return Raw(self._topics.mappings, mapping_key(SCOPE, _account(id_)).encode(), value)

    def look(self) -> None:
        """Every reader knows what was acknowledged before it looked."""
        self._count_compactions()
        table, tail = self._follower
        self._until_ended(tail)
        self._check("follows", table)
        if self._rng.random() < 0.3:
            table, tail = self._returning
            self._passed += self._away
            tail.catch_up()
            self._check("was away for too long" if self._away else "begins in the middle", table)
        if self._rng.random() < 0.3:
            table, tail = self._tail()
            began = time.monotonic()
            tail.catch_up()
            self.slowest = max(self.slowest, time.monotonic() - began)
            tail.close()
            self._check("begins at the start", table)

    def _until_ended(self, tail: MappingTail) -> None:
        """Follow on until nothing comes; what was acknowledged is readable at once, and polls are not."""
        tail.catch_up()
        while tail.poll():
            pass

    def _check(self, who: str, table: MappingTable) -> None:
        self.counts[who] += 1
        wrong = []
        for number in range(OBJECTS):
            id_ = f"account-{number}"
            found = table.get(SCOPE, _account(id_))
            if (found.other if found else None) != self._known.get(id_):
                wrong.append(f"{id_}: {found}, not {self._known.get(id_)}")
        if wrong:
            self.tally += Tally(lost=len(wrong), findings=(f"one that {who} has {len(wrong)} wrong, first {wrong[0]}",))
        self.tally += Tally(events=1)

    def _count_compactions(self) -> None:
        """Told by what a reader finds: fewer records than it found before, though none were taken away by hand."""
        found = 0
        reader = self._access.reader()
        reader.assign([TopicPartition(self._topics.mappings, index, 0) for index in range(PARTITIONS)])
        ended: set[int | None] = set()
        while len(ended) < PARTITIONS:
            for message in reader.consume(1000, 0.1):
                if message.error() is not None:
                    ended.add(message.partition())
                else:
                    found += 1
        reader.close()
        self.compactions += found < self._found
        self._found = found

    def _tail(self, clock: Callable[[], float] = elapsed) -> tuple[MappingTable, MappingTail]:
        table = MappingTable(self._codec)
        return table, MappingTail(self._access, self._topics, table, elapsed=clock)

    def close(self) -> None:
        for _, tail in (self._follower, self._returning):
            tail.close()


def _account(id_: str) -> ObjectRef:
    return ObjectRef(app="togai", type="account", id=id_)


FAULTS = (Fault("mapping compaction", 9, run),)
