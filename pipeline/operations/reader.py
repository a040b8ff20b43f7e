"""Reading a topic back: from its start or a time, up to what it holds now, or on and on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled

_CALL_SECONDS = 10.0
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read. `since` and `until` are record times (until is exclusive); None is the topic's own bound.

    `follow` goes on past what there is now. `only_new` starts at the end. `ends` (topic, partition) -> offset stops
    earlier, at a bound that an earlier scan saw.
    """

    topics: Sequence[str]
    since: datetime | None = None
    until: datetime | None = None
    follow: bool = False
    only_new: bool = False
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)


class TopicReader:
    """Reads committed records, in order within a partition. No group is joined and nothing is committed."""

    def __init__(self, access: KafkaAccess, *, stall_seconds: float = 30.0) -> None:
        self._access = access
        self._stall = stall_seconds

    def scan(self, scan: Scan, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Message]:
        """Raises `KafkaUnavailable`, `RestoreStalled`, and `ConfigurationError` for a topic that does not exist."""
        consumer = self._access.reader()
        try:
            starts = self._starts(consumer, scan)
            bounds = dict(scan.ends) or ({} if scan.follow else self._ends(consumer, starts))
            consumer.assign(starts)
            yield from self._read(consumer, scan, starts, bounds, stop)
        finally:
            consumer.close()

    def ends(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """The high watermarks now."""
        consumer = self._access.reader()
        try:
            return self._ends(consumer, self._partitions(consumer, topics))
        finally:
            consumer.close()

    def _read(
        self,
        consumer: Consumer,
        scan: Scan,
        starts: Sequence[TopicPartition],
        bounds: Mapping[tuple[str, int], int],
        stop: Callable[[], bool],
    ) -> Iterator[Message]:
        until = scan.until.timestamp() * 1000 if scan.until else None
        waiting = {(part.topic, part.partition) for part in starts}
        if not scan.follow:
            waiting -= {place for place, end in bounds.items() if end <= 0}
        progress = time.monotonic()
        while (waiting or scan.follow) and not stop():
            messages = consumer.consume(_BATCH, 0.1)
            if messages:
                progress = time.monotonic()
            elif not scan.follow and time.monotonic() - progress > self._stall:
                raise RestoreStalled(f"{', '.join(scan.topics)}: no progress for {self._stall:g} s")
            for message in messages:
                place = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        if (message.offset() or 0) >= bounds.get(place, 0):
                            waiting.discard(place)
                    elif not error.retriable():
                        raise KafkaUnavailable(error.str())
                    continue
                offset = message.offset() or 0
                if not scan.follow and offset + 1 >= bounds.get(place, 0):
                    waiting.discard(place)
                    if offset >= bounds.get(place, 0):
                        continue
                if until is None or message.timestamp()[1] < until:
                    yield message

    def _partitions(self, consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
        try:
            known = consumer.list_topics(timeout=_CALL_SECONDS).topics
        except KafkaException as error:
            raise KafkaUnavailable(f"no broker answered: {error.args[0].str()}") from None
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise ConfigurationError(f"topic {', '.join(missing)} does not exist: run `pipeline topics create`")
        return [TopicPartition(topic, number) for topic in topics for number in known[topic].partitions]

    def _ends(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
        """High watermarks; 0 where there is nothing to read."""
        ends: dict[tuple[str, int], int] = {}
        try:
            for part in partitions:
                answer = consumer.get_watermark_offsets(
                    TopicPartition(part.topic, part.partition), timeout=_CALL_SECONDS, cached=False
                )
                if answer is None:
                    raise KafkaUnavailable(f"{part.topic}: no broker answered within {_CALL_SECONDS:g} s")
                low, high = answer
                ends[part.topic, part.partition] = high if high > low and part.offset < high else 0
        except KafkaException as error:
            raise KafkaUnavailable(error.args[0].str()) from None
        return ends

    def _starts(self, consumer: Consumer, scan: Scan) -> list[TopicPartition]:
        partitions = self._partitions(consumer, scan.topics)
        if scan.since is None:
            start = OFFSET_END if scan.only_new else OFFSET_BEGINNING
            return [TopicPartition(part.topic, part.partition, start) for part in partitions]
        stamp = int(scan.since.timestamp() * 1000)
        try:
            return list(
                consumer.offsets_for_times(
                    [TopicPartition(part.topic, part.partition, stamp) for part in partitions], timeout=_CALL_SECONDS
                )
            )
        except KafkaException as error:
            raise KafkaUnavailable(error.args[0].str()) from None
