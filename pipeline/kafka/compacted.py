"""Reads partitions of a topic up to their real end, then follows them: how state comes back from Kafka.

The end is the *high watermark*, of committed and uncommitted records alike, taken before the reading starts. Readers
of committed records see only up to the last stable offset, which a dead worker's open transaction holds back; a
reader that takes it for the end misses what later owners wrote beyond it, and repeats or loses effects.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled

_REQUEST_SECONDS = 30.0
_ONE_WAIT_SECONDS = 0.2
_LINGER_SECONDS = 0.005
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._UNKNOWN_PARTITION,
    }
)


class CompactedReader:
    """Restores partitions, then follows them. For one thread.

    Each `restore` replaces the partitions read before: a worker that gains one keeps a reader for that purpose, and
    lets another follow. Rows are Kafka's messages: `key()`, `value()` (None is a tombstone), `headers()`,
    `partition()`, `offset()`, `timestamp()`. Order holds within a partition. A compacted topic may show older
    rows of a key: the last one counts.

    `stall_limit`: seconds without any progress after which restoring raises. It has to outlast the time the broker
    takes to abort a dead transaction (`transaction.timeout.ms` 10 s, and its scan), and stay within
    `max.poll.interval.ms` where a rebalance callback restores.
    `batch_size`: with rows of some 200 bytes, what 2,000 of them come to stays in the processor's cache; ten thousand
    take half as long again.
    """

    def __init__(self, access: KafkaAccess, *, batch_size: int = 2_000, stall_limit: float = 45) -> None:
        self._access = access
        self._batch_size = batch_size
        self._stall_limit = stall_limit
        self._positions: dict[int, int] = {}
        self._consumer: Consumer | None = None
        self._watermarks: Consumer | None = None

    def restore(
        self,
        topic: str,
        partitions: Iterable[int] | None = None,
        *,
        start: dict[int, int] | None = None,
    ) -> Iterator[list[Message]]:
        """Batches of rows from `start` (partition to offset; default the beginning) to the high watermark of now.

        Exhaust it: only then is the state whole. `partitions` None reads all. Raises `RestoreStalled` when nothing
        moves for the stall limit, `KafkaUnavailable` when the topic or the broker is not there.
        """
        # Asked for in any case: a client that does not know the leaders yet waits half a second before it fetches.
        there = self.partitions(topic)
        wanted = there if partitions is None else sorted(partitions)
        ends = {p: end for p, end in self._high_watermarks(topic, wanted).items() if end > 0}
        begin = start or {}
        self._positions = {p: begin[p] for p in wanted if p in begin}
        self._open().assign([TopicPartition(topic, p, begin.get(p, OFFSET_BEGINNING)) for p in wanted])
        pending = {p for p, end in ends.items() if begin.get(p, 0) < end}
        reached = dict.fromkeys(pending, -1)
        progress = time.monotonic()
        while pending:
            rows, positions = self._take(_ONE_WAIT_SECONDS)
            for place in self._open().position([TopicPartition(topic, p) for p in wanted]):
                # While others write on, the end itself may never be reported.
                positions[place.partition] = max(place.offset, positions.get(place.partition, 0))
                if place.offset >= 0:
                    self._positions[place.partition] = place.offset
            moved = bool(rows)
            for partition, position in positions.items():
                if partition in pending and position > reached[partition]:
                    reached[partition] = position
                    moved = True
                    if position >= ends[partition]:
                        pending.discard(partition)
            if moved:
                progress = time.monotonic()
            elif time.monotonic() - progress > self._stall_limit:
                raise RestoreStalled(_stalled(topic, pending, reached, ends, self._stall_limit))
            if rows:
                yield rows

    @property
    def restored(self) -> dict[int, int]:
        """Next offsets by partition, as far as `restore` has come: where a later one may start."""
        return dict(self._positions)

    def poll(self, timeout: float = 0.0) -> list[Message]:
        """Rows that came after the restored ones; empty when there are none within `timeout` seconds."""
        return self._take(timeout)[0]

    def partitions(self, topic: str) -> list[int]:
        """All partitions of the topic. Raises `KafkaUnavailable` if it does not exist."""
        found = self._open().list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic]
        if found.error is not None or not found.partitions:
            raise KafkaUnavailable(f"topic {topic} is missing; run `pipeline topics create`")
        return sorted(found.partitions)

    def close(self) -> None:
        for consumer in (self._consumer, self._watermarks):
            if consumer is not None:
                consumer.close()
        self._consumer = self._watermarks = None

    def __enter__(self) -> CompactedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, timeout: float) -> tuple[list[Message], dict[int, int]]:
        """Rows, and per partition the offset that reading has come to (of ends too, where no row is)."""
        consumer = self._open()
        first = consumer.poll(timeout)
        if first is None:
            return [], {}
        # To fill a batch, `consume` would wait for all of its time also where the end has been reached.
        taken = [first, *consumer.consume(self._batch_size - 1, _LINGER_SECONDS)]
        rows: list[Message] = []
        positions: dict[int, int] = {}
        for message in taken:
            error = message.error()
            if error is None:
                rows.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                positions[_number(message.partition())] = _number(message.offset())
            elif error.fatal() or not error.retriable():
                raise KafkaUnavailable(f"cannot read {message.topic()}[{message.partition()}]: {error.str()}")
        return rows, positions

    def _high_watermarks(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """By a consumer: the admin client's `list_offsets` takes three seconds once in a while."""
        if self._watermarks is None:
            self._watermarks = self._access.reader({"isolation.level": "read_uncommitted"})
            self._watermarks.list_topics(topic, timeout=_REQUEST_SECONDS)
        deadline = time.monotonic() + _REQUEST_SECONDS
        return {partition: self._high_watermark(TopicPartition(topic, partition), deadline) for partition in partitions}

    def _high_watermark(self, place: TopicPartition, deadline: float) -> int:
        assert self._watermarks is not None
        while True:
            try:
                answer = self._watermarks.get_watermark_offsets(place, timeout=_REQUEST_SECONDS, cached=False)
                if answer is not None:
                    return int(answer[1])
                why = f"no answer within {_REQUEST_SECONDS:g} s"
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                why = cause.str()
                # A leader that has just been elected may not know of it yet; outdated metadata is asked for anew.
                if not cause.retriable() and cause.code() not in _PASSING:
                    raise KafkaUnavailable(f"cannot learn where {place.topic} ends: {why}") from error
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"cannot learn where {place.topic} ends: {why}")
            time.sleep(_ONE_WAIT_SECONDS)

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._access.reader()
        return self._consumer


def read_to_end(
    access: KafkaAccess, topic: str, partitions: Iterable[int] | None = None, *, stall_limit: float = 45
) -> Iterator[list[Message]]:
    """One restore with a reader of its own; see `CompactedReader.restore`."""
    with CompactedReader(access, stall_limit=stall_limit) as reader:
        yield from reader.restore(topic, partitions)


def _stalled(topic: str, pending: set[int], reached: dict[int, int], ends: dict[int, int], limit: float) -> str:
    where = ", ".join(f"{p} at {max(reached[p], 0)} of {ends[p]}" for p in sorted(pending))
    return (
        f"{topic} was not readable to its end for {limit:.0f} s (partition {where}): an open transaction of a worker "
        "that died, or a broker that is down; it is tried again"
    )


def _number(value: int | None) -> int:
    if value is None:
        raise KafkaUnavailable("a record without its place")
    return value
