"""Dead letters sent again, to where they came from: same key, same bytes, same headers, and one more: `redrive`.

Commands go to the bulk topic: what was refused once is not served before what is live.

Each selection is a consumer group of its own whose offsets are committed in the transactions that send: what was sent
is never sent again under the same selection, and one that broke off goes on where it stopped. `redrive` counts the
rounds; a letter that has gone round too often is left for a person. What is left like that, or because it is too large,
is noted with the offsets and offered again. Of a command's letters only the newest is sent.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.kafka.transactions import transact
from pipeline.operations.deadletters import DeadLetters, Wanted, fingerprint
from pipeline.operations.reader import ends_of
from pipeline.operations.wayback import WayBack
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import DeadLetter, redrive_rounds, with_redrive
from pipeline.schemas.topics import Topics

MAX_ROUNDS = 3
BATCH = 100
KEPT = 300
LARGEST = 64 * 1024 * 1024
"""Bytes that our client sends; what a topic takes is its own setting."""
_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive sends, or would: letters by fingerprint, and by reason those that it leaves.

    Left out are ``other`` (not selected), ``older`` (their command has a newer one), ``rounds`` (gone round too often),
    ``bytes`` (nothing to send), ``too large`` (for their topic: raise its `max.message.bytes`) and ``unreadable``.
    `name` identifies the selection.
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
        name, counts = _name(wanted), _Counts(self._newest())
        with self._way() as way, _Progress(self.access, self.topics, name) as progress:
            for batch in progress.batches():
                _, kept = self._sorted(batch, wanted, way, counts)
                progress.passed(batch, kept)
        return Redriven(name, dict(counts.sent), dict(counts.left))

    def run(self, wanted: Wanted, *, on_sent: Callable[[int], None] = lambda _: None) -> Redriven:
        """Send them. Raises `KafkaUnavailable`, `TransactionAborted`: run it again, it goes on where it stopped."""
        name, counts = _name(wanted), _Counts(self._newest())
        with self._way() as way, _Progress(self.access, self.topics, name) as progress:
            producer = self.access.transactional_producer(progress.group, overrides={"message.max.bytes": LARGEST})
            due = 0.0
            for batch in progress.batches():
                for part in self._parts(batch):
                    letters, kept = self._sorted(part, wanted, way, counts)
                    progress.passed(part, kept)
                    if letters:
                        time.sleep(max(0.0, due - time.monotonic()))
                        due = time.monotonic() + len(letters) / self.rate
                    elif part[-1] is not batch[-1]:
                        continue
                    transact(producer, partial(self._produce, letters), progress.positions(), progress.metadata())
                    on_sent(counts.sent.total())
        return Redriven(name, dict(counts.sent), dict(counts.left))

    def _parts(self, batch: list[Message]) -> Iterator[list[Message]]:
        """What may be sent within one second."""
        size = max(1, int(self.rate))
        return (batch[begin : begin + size] for begin in range(0, len(batch), size))

    def _produce(self, letters: Sequence[DeadLetter], to: Producer) -> None:
        for letter in letters:
            topic = self.topics.redriven(letter.topic)
            to.produce(topic, value=letter.value, key=letter.key, headers=with_redrive(letter))

    def _way(self) -> WayBack:
        return WayBack(self.access, self.topics)

    def _newest(self) -> Mapping[str, datetime]:
        newest: dict[str, datetime] = {}
        for letter in DeadLetters(self.access, self.topics, self.codec).letters(Wanted()):
            if letter.command and letter.seen is not None:
                newest[letter.command] = max(letter.seen, newest.get(letter.command, letter.seen))
        return newest

    def _sorted(
        self, batch: list[Message], wanted: Wanted, way: WayBack, counts: _Counts
    ) -> tuple[list[DeadLetter], list[Message]]:
        """The letters to be sent, and the messages of those that may be later."""
        chosen, kept = [], []
        for message in batch:
            try:
                letter = self.codec.decode(DeadLetter, message.value() or b"")
            except Undecodable:
                counts.left["unreadable"] += 1
                continue
            if not wanted.takes(letter):
                counts.left["other"] += 1
            elif letter.seen is not None and letter.seen < counts.newest.get(letter.command, letter.seen):
                counts.left["older"] += 1
            elif redrive_rounds(letter.headers) >= self.rounds:
                counts.left["rounds"] += 1
                kept.append(message)
            elif not letter.topic or (whole := way.whole(letter)).value is None:
                counts.left["bytes"] += 1
            elif not way.fits(whole):
                counts.left["too large"] += 1
                kept.append(message)
            else:
                chosen.append(whole)
                counts.sent[fingerprint(letter)] += 1
        return chosen, kept


def _name(wanted: Wanted) -> str:
    """Of a selection: the same question has the same name, and so the same offsets."""
    canonical = msgspec.json.encode(wanted, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is sent, by fingerprint, and left, by reason. `newest`: when the newest letter of a command was written."""

    newest: Mapping[str, datetime]
    sent: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)


class _Progress:
    """The dead letters that a selection has not passed yet, up to what there is now, and those that it sees again.

    The offsets of these are the metadata of the committed ones, as far as a broker takes it
    (`offset.metadata.max.bytes`, 4096 by default): the newest `KEPT` of a partition.
    """

    def __init__(self, access: KafkaAccess, topics: Topics, name: str) -> None:
        self.group = f"{topics.prefix}redrive-{name}"
        self._topic = topics.dead_letters
        self._access = access
        self._consumer: Consumer = access.consumer(self.group, {"enable.partition.eof": False})
        self._next: dict[int, int] = {}
        self._kept: dict[int, set[int]] = {}
        self._begin: dict[int, int] = {}

    def __enter__(self) -> _Progress:
        ends = ends_of(self._access, [self._topic])[self._topic]
        places = [TopicPartition(self._topic, partition) for partition in ends]
        try:
            committed = self._consumer.committed(places, timeout=_CALL_SECONDS)
        except KafkaException as error:
            raise KafkaUnavailable(f"{self._topic}: {error.args[0].str()}") from None
        self._next = {place.partition: max(place.offset, 0) for place in committed}
        self._kept = {place.partition: {*map(int, (place.metadata or "").split())} for place in committed}
        self._begin = {partition: min([at, *self._kept[partition]]) for partition, at in self._next.items()}
        self._ends = ends
        self._consumer.assign([TopicPartition(self._topic, partition, at) for partition, at in self._begin.items()])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def batches(self) -> Iterator[list[Message]]:
        """Each has to be `passed` before the next one is asked for."""
        deadline = time.monotonic() + _CALL_SECONDS
        while self._left():
            found = []
            for message in self._consumer.consume(BATCH, 0.5):
                partition, offset = message.partition(), message.offset()
                if message.error() is not None or partition is None or offset is None:
                    continue
                if self._next[partition] <= offset < self._ends[partition] or offset in self._kept[partition]:
                    found.append(message)
            if found:
                deadline = time.monotonic() + _CALL_SECONDS
                yield found
            elif not self._left() or time.monotonic() > deadline:
                return

    def passed(self, messages: Iterable[Message], kept: Collection[Message]) -> None:
        """`kept`: those of them that are to be seen again."""
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            self._next[partition] = max(self._next[partition], offset + 1)
            self._kept[partition].discard(offset)
        for message in kept:
            self._kept[message.partition() or 0].add(message.offset() or 0)

    def positions(self) -> list[TopicPartition]:
        return [
            TopicPartition(self._topic, partition, at, " ".join(map(str, sorted(self._kept[partition])[-KEPT:])))
            for partition, at in self._next.items()
        ]

    def metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def _left(self) -> bool:
        """Transaction markers hold offsets too, so what is read may never come to the end: position() knows."""
        places = self._consumer.position([TopicPartition(self._topic, partition) for partition in self._ends])
        reached = {place.partition: place.offset for place in places}
        return any(
            max(reached.get(partition, -1), self._begin[partition]) < end for partition, end in self._ends.items()
        )
