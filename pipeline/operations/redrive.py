"""Dead letters sent again, to where they came from: same key, same bytes, same headers, and one more: `redrive`.

Commands go to the bulk topic: what was refused once is not served before what is live.

Each selection is a consumer group of its own whose offsets are committed in the transactions that send: what was sent
is never sent again under the same selection, and one that broke off goes on where it stopped. `redrive` counts the
rounds; a letter that has gone round too often is left for a person.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.kafka.transactions import transact
from pipeline.operations.deadletters import Wanted, fingerprint
from pipeline.operations.reader import ends_of
from pipeline.operations.wayback import WayBack
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import DeadLetter, redrive_rounds, with_redrive
from pipeline.schemas.topics import Topics

MAX_ROUNDS = 3
BATCH = 100
LARGEST = 64 * 1024 * 1024
"""Bytes that our client sends; what a topic takes is its own setting."""
_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive sends, or would: letters by fingerprint, and by reason those that it leaves.

    Left out are ``other`` (not selected), ``rounds`` (gone round too often), ``bytes`` (nothing to send), ``too large``
    (for their topic: raise its `max.message.bytes`) and ``unreadable``. `name` identifies the selection.
    """

    name: str
    sent: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.sent.values())


@dataclass(frozen=True, slots=True)
class Redrive:
    """`rate` letters a second at most; `rounds` times at most for one letter."""

    access: KafkaAccess
    topics: Topics
    codec: Codec
    rate: float = 10.0
    rounds: int = MAX_ROUNDS

    def plan(self, wanted: Wanted) -> Redriven:
        """A dry run: what `run` would send now. Writes nothing."""
        sent: Counter[str] = Counter()
        left: Counter[str] = Counter()
        with self._way() as way, _Progress(self.access, self.topics, _name(wanted)) as progress:
            for batch in progress.batches():
                self._sorted(batch, wanted, way, sent, left)
        return Redriven(_name(wanted), dict(sent), dict(left))

    def run(self, wanted: Wanted, *, on_sent: Callable[[int], None] = lambda _: None) -> Redriven:
        """Send them. Raises `KafkaUnavailable`, `TransactionAborted`: run it again, it goes on where it stopped."""
        sent: Counter[str] = Counter()
        left: Counter[str] = Counter()
        with self._way() as way, _Progress(self.access, self.topics, _name(wanted)) as progress:
            producer = self.access.transactional_producer(progress.group, overrides={"message.max.bytes": LARGEST})
            for batch in progress.batches():
                letters = self._sorted(batch, wanted, way, sent, left)

                def produce(to: Producer, letters: list[DeadLetter] = letters) -> None:
                    for letter in letters:
                        topic = self.topics.redriven(letter.topic)
                        to.produce(topic, value=letter.value, key=letter.key, headers=with_redrive(letter))

                began = time.monotonic()
                transact(producer, produce, progress.positions(), progress.metadata())
                on_sent(sum(sent.values()))
                time.sleep(max(0.0, len(letters) / self.rate - (time.monotonic() - began)))
        return Redriven(_name(wanted), dict(sent), dict(left))

    def _way(self) -> WayBack:
        return WayBack(self.access, self.topics)

    def _sorted(
        self, batch: list[Message], wanted: Wanted, way: WayBack, sent: Counter[str], left: Counter[str]
    ) -> list[DeadLetter]:
        chosen = []
        for message in batch:
            try:
                letter = self.codec.decode(DeadLetter, message.value() or b"")
            except Undecodable:
                left["unreadable"] += 1
                continue
            if not wanted.takes(letter):
                left["other"] += 1
            elif redrive_rounds(letter.headers) >= self.rounds:
                left["rounds"] += 1
            elif not letter.topic or (whole := way.whole(letter)).value is None:
                left["bytes"] += 1
            elif not way.fits(whole):
                left["too large"] += 1
            else:
                chosen.append(whole)
                sent[fingerprint(letter)] += 1
        return chosen


def _name(wanted: Wanted) -> str:
    """Of a selection: the same question has the same name, and so the same offsets."""
    canonical = msgspec.json.encode(wanted, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=6).hexdigest()


class _Progress:
    """The dead letters that a selection has not passed yet, up to what there is now."""

    def __init__(self, access: KafkaAccess, topics: Topics, name: str) -> None:
        self.group = f"{topics.prefix}redrive-{name}"
        self._topic = topics.dead_letters
        self._access = access
        self._consumer: Consumer = access.consumer(self.group, {"enable.partition.eof": False})
        self._next: dict[int, int] = {}

    def __enter__(self) -> _Progress:
        ends = ends_of(self._access, [self._topic])[self._topic]
        places = [TopicPartition(self._topic, partition) for partition in ends]
        try:
            committed = self._consumer.committed(places, timeout=_CALL_SECONDS)
        except KafkaException as error:
            raise KafkaUnavailable(f"{self._topic}: {error.args[0].str()}") from None
        self._next = {place.partition: max(place.offset, 0) for place in committed}
        self._ends = ends
        self._consumer.assign([TopicPartition(self._topic, partition, at) for partition, at in self._next.items()])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def batches(self) -> Iterator[list[Message]]:
        deadline = time.monotonic() + _CALL_SECONDS
        while self._left():
            found = []
            for message in self._consumer.consume(BATCH, 0.5):
                partition, offset = message.partition(), message.offset()
                if message.error() is not None or partition is None or offset is None:
                    continue
                if self._next[partition] <= offset < self._ends[partition]:
                    self._next[partition] = offset + 1
                    found.append(message)
            if found:
                deadline = time.monotonic() + _CALL_SECONDS
                yield found
            elif not self._left() or time.monotonic() > deadline:
                return

    def positions(self) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition, at) for partition, at in self._next.items()]

    def metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def _left(self) -> bool:
        """Transaction markers hold offsets too, so what is read may never come to the end: position() knows."""
        places = self._consumer.position([TopicPartition(self._topic, partition) for partition in self._ends])
        reached = {place.partition: place.offset for place in places}
        return any(
            max(reached.get(partition, -1), self._next[partition]) < end for partition, end in self._ends.items()
        )
