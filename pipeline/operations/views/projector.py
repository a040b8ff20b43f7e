"""Tails the topics into the log: a batch of records, the rows that follow and the positions in one transaction.

So a restart neither loses nor doubles. Several may run at once (a gateway and a command line): a transaction begins
with the positions as they are stored, and a projector that finds others than it read from drops its batch and goes on
from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from sqlalchemy import Connection

from pipeline.failpoints import fail_point
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.operations.reader import ends_of
from pipeline.operations.settle import AGENTS
from pipeline.operations.views import stored, tables
from pipeline.operations.views.database import Database
from pipeline.operations.views.records import Reading, Said
from pipeline.operations.views.slice import Slice, touched
from pipeline.operations.views.stored import Place
from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics

BATCH = 2_000
_WAIT_SECONDS = 0.1
_CALL_SECONDS = 10.0
_STALL_SECONDS = 30.0
_PREFETCH = {"queued.min.messages": 5_000, "queued.max.messages.kbytes": 16 * 1024}


class Projector:
    """For one thread. Raises `KafkaUnavailable` and `DatabaseUnavailable`; either way it can go on afterwards."""

    def __init__(
        self, database: Database, access: KafkaAccess, topics: Topics, codec: Codec, *, batch: int = BATCH
    ) -> None:
        self._database, self._access, self._topics = database, access, topics
        self._reading = Reading(topics, codec)
        self._batch = batch
        self._consumer: Consumer | None = None
        self._places: list[Place] = []
        self._stored: dict[Place, int] = {}
        """The positions as they are in the database."""
        self._reached: dict[Place, int] = {}
        """The positions read up to; past a transaction's marker, too, where nothing is behind it."""

    def catch_up(self) -> int:
        """Take in all that is committed now; gives the number of records. Raises also `RestoreStalled`."""
        # What the agents have passed is asked for first: what they wrote before is then within the ends.
        advanced = self._agents()
        consumer = self._open()
        if self._moved_away():
            self._assign(consumer)
        found = ends_of(self._access, self._reading.topics)
        ends = {(topic, partition): end for topic, each in found.items() for partition, end in each.items()}
        if any(at > ends.get(place, at) for place, at in self._reached.items()):
            # We never read beyond an end: these topics were made anew since.
            self._assign(consumer, ends)
        taken, progress = 0, time.monotonic()
        while any(self._reached.get(place, 0) < end for place, end in ends.items()):
            before = dict(self._reached)
            taken += self.step()
            if self._reached != before:
                progress = time.monotonic()
            elif time.monotonic() - progress > _STALL_SECONDS:
                raise RestoreStalled(f"the topics could not be read for {_STALL_SECONDS:g} s; check the brokers")
        self._pass(advanced)
        return taken

    def step(self, wait: float = _WAIT_SECONDS) -> int:
        """Take in one batch if it comes within `wait` seconds; gives how many records that were.

        0 also where another projector was faster: the next call goes on from where that has come to.
        """
        consumer = self._open()
        try:
            messages = self._take(consumer, wait)
            if not self._store(messages):
                messages = []
                self._assign(consumer)
        except BaseException:
            # Whether it was committed is not known: the database tells.
            self.close()
            raise
        return len(messages)

    def awaits(self) -> bool:
        """Whether `catch_up` finds more than `step` does: runs may be over without a word, or the log was emptied."""
        with self._database.reading() as connection:
            waiting = stored.awaiting(connection)
        return waiting or self._moved_away()

    def close(self) -> None:
        """It may be used again: it goes on from what is stored."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- reading --------------------------------------------------------------------------------------------------

    def _open(self) -> Consumer:
        """The consumer, assigned to where the database has come to."""
        if self._consumer is None:
            consumer = self._access.reader(_PREFETCH)
            self._places = [place for topic in self._reading.topics for place in _places(consumer, topic)]
            self._assign(consumer)
            self._consumer = consumer
        return self._consumer

    def _assign(self, consumer: Consumer, ends: Mapping[Place, int] | None = None) -> None:
        """Go on from what is stored, and from the start where that is beyond `ends`."""
        with self._database.reading() as connection:
            self._stored = stored.read_positions(connection)
        limits = ends or {}
        self._reached = {place: at if at <= limits.get(place, at) else 0 for place, at in self._stored.items()}
        consumer.assign([TopicPartition(*place, self._reached.get(place, OFFSET_BEGINNING)) for place in self._places])

    def _moved_away(self) -> bool:
        """Whether another projector has written since, or somebody has emptied the log."""
        if self._consumer is None:
            return False
        with self._database.reading() as connection:
            return stored.read_positions(connection) != self._stored

    def _take(self, consumer: Consumer, wait: float) -> list[Message]:
        """What is there, and no longer than `wait` seconds for the first."""
        first = consumer.poll(wait)
        if first is None:
            return []
        messages = []
        for message in (first, *consumer.consume(self._batch - 1, 0)):
            place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
            error = message.error()
            if error is None:
                messages.append(message)
                self._reached[place] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached[place] = offset
            elif not error.retriable():
                raise KafkaUnavailable(f"{message.topic()}: {error.str()}")
        return messages

    # --- writing --------------------------------------------------------------------------------------------------

    def _store(self, messages: list[Message]) -> bool:
        """False: what is stored is not what we read from, and nothing was written."""
        moved = {place: at for place, at in self._reached.items() if self._stored.get(place, 0) != at}
        if not moved:
            return True
        said = self._reading.read(messages)
        with self._database.writing() as connection:
            if stored.read_positions(connection) != self._stored:
                return False
            if said:
                runs, commands = touched(said)
                runs |= stored.runs_of(connection, commands)
                self._write(connection, runs, said, stored.read_advanced(connection))
            stored.write_positions(connection, moved)
            fail_point("views.batch.written")
        self._stored |= moved
        fail_point("views.batch.committed")
        return True

    def _write(self, connection: Connection, runs: set[str], said: list[Said], advanced: Mapping[int, int]) -> None:
        slice_ = Slice(stored.run_rows(connection, runs), stored.steps_of(connection, runs))
        slice_.take(said)
        changed_runs, changed_steps = slice_.changed(advanced)
        stored.write_rows(connection, tables.runs, changed_runs)
        stored.write_rows(connection, tables.steps, changed_steps)

    # --- runs that are over without a word ------------------------------------------------------------------------

    def _agents(self) -> dict[int, int]:
        """The next offset of `flow.steps` that the agents will read, by partition."""
        consumer = self._access.consumer(self._topics.prefix + AGENTS, {"enable.partition.eof": False})
        try:
            asked = [TopicPartition(*place) for place in _places(consumer, self._topics.steps)]
            places = _committed(consumer, asked)
        finally:
            consumer.close()
        return {place.partition: place.offset for place in places if place.error is None and place.offset > 0}

    def _pass(self, advanced: Mapping[int, int]) -> None:
        """All that the agents wrote before they came to `advanced` is taken in: runs that got no more are over."""
        with self._database.reading() as connection:
            known = stored.read_advanced(connection)
        if all(at <= known.get(partition, 0) for partition, at in advanced.items()):
            return
        with self._database.writing() as connection:
            known = stored.read_advanced(connection)
            newer = {partition: at for partition, at in advanced.items() if at > known.get(partition, 0)}
            runs: set[str] = set()
            for partition, at in newer.items():
                runs |= stored.between(connection, partition, known.get(partition, 0), at)
            self._write(connection, runs, [], known | newer)
            stored.write_advanced(connection, self._topics.steps, newer)


def _places(consumer: Consumer, topic: str) -> list[Place]:
    try:
        found = consumer.list_topics(topic, timeout=_CALL_SECONDS).topics[topic]
    except KafkaException as error:
        raise KafkaUnavailable(f"{topic}: {error.args[0].str()}") from None
    if found.error is not None:
        raise KafkaUnavailable(f"topic {topic} is missing; run `pipeline topics create`")
    return [(topic, partition) for partition in sorted(found.partitions)]


def _committed(consumer: Consumer, asked: list[TopicPartition]) -> list[TopicPartition]:
    """Asked again while the group's coordinator is only just finding itself."""
    deadline = time.monotonic() + _CALL_SECONDS
    while True:
        try:
            return consumer.committed(asked, timeout=_CALL_SECONDS)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() == KafkaError.GROUP_AUTHORIZATION_FAILED or time.monotonic() > deadline:
                raise KafkaUnavailable(f"{asked[0].topic}: {cause.str()}") from None
        time.sleep(_WAIT_SECONDS)
