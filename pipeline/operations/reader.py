"""Reading a topic back: from its start or a time, up to what it holds now, or on and on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader
from pipeline.kafka.errors import KafkaUnavailable

_CALL_SECONDS = 10.0
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read. `since` and `until` are record times (`until` exclusive); None is the topic's own bound.

    `follow` goes on past what there is now; `only_new` begins there. `ends` (partition to offset) leaves out what
    came after an earlier look.
    """

    topic: str
    since: datetime | None = None
    until: datetime | None = None
    follow: bool = False
    only_new: bool = False
    ends: Mapping[int, int] | None = None


def scan(access: KafkaAccess, scan: Scan, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Message]:
    """Committed records, in order within a partition. No group is joined, nothing is committed.

    Raises `KafkaUnavailable`, `RestoreStalled`.
    """
    until = scan.until.timestamp() * 1000 if scan.until else None

    def wanted(message: Message) -> bool:
        if scan.ends is not None and (message.offset() or 0) >= scan.ends.get(message.partition() or 0, 0):
            return False
        return until is None or message.timestamp()[1] < until

    with CompactedReader(access) as reader:
        for rows in reader.restore(scan.topic, start=_starts(access, reader.partitions(scan.topic), scan)):
            yield from filter(wanted, rows)
            if stop():
                return
        while scan.follow and not stop():
            yield from filter(wanted, reader.poll(_WAIT_SECONDS))


def ends_of(access: KafkaAccess, topics: Sequence[str]) -> dict[str, dict[int, int]]:
    """The high watermark of each partition now, by topic. Raises `KafkaUnavailable`."""
    consumer = access.reader()
    try:
        return {topic: _ends_of(consumer, topic) for topic in topics}
    finally:
        consumer.close()


def _ends_of(consumer: Consumer, topic: str) -> dict[int, int]:
    try:
        found = consumer.list_topics(topic, timeout=_CALL_SECONDS).topics[topic]
        if found.error is not None:
            raise KafkaUnavailable(f"topic {topic} is missing; run `pipeline topics create`")
        ends: dict[int, int] = {}
        for partition in sorted(found.partitions):
            place = TopicPartition(topic, partition)
            answer = consumer.get_watermark_offsets(place, timeout=_CALL_SECONDS, cached=False)
            if answer is None:
                raise KafkaUnavailable(f"{topic}: no broker answered within {_CALL_SECONDS:g} s")
            ends[partition] = answer[1]
        return ends
    except KafkaException as error:
        raise KafkaUnavailable(f"{topic}: {error.args[0].str()}") from None


def _starts(access: KafkaAccess, partitions: list[int], scan: Scan) -> dict[int, int] | None:
    if scan.since is None:
        return ends_of(access, [scan.topic])[scan.topic] if scan.only_new else None
    stamp = int(scan.since.timestamp() * 1000)
    consumer = access.reader()
    try:
        places = [TopicPartition(scan.topic, partition, stamp) for partition in partitions]
        return {place.partition: place.offset for place in consumer.offsets_for_times(places, timeout=_CALL_SECONDS)}
    except KafkaException as error:
        raise KafkaUnavailable(f"{scan.topic}: {error.args[0].str()}") from None
    finally:
        consumer.close()
