"""Reading a topic back: from its start or a time, up to what is committed now, or on and on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled

_CALL_SECONDS = 10.0
_WAIT_SECONDS = 0.1
_STALL_SECONDS = 30.0
_BATCH = 1000

T = TypeVar("T")

_PASSING = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._TIMED_OUT, KafkaError._TRANSPORT}
)
"""A leader that has just been elected may not know of it yet."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read. `since` and `until` are record times (`until` exclusive); None is the topic's own bound.

    `follow` goes on past what there is now; `only_new` begins there. `starts` and `ends` (partition to offset) bound it
    by an earlier look; with `starts`, partitions that it leaves out are not read.
    """

    topic: str
    since: datetime | None = None
    until: datetime | None = None
    follow: bool = False
    only_new: bool = False
    starts: Mapping[int, int] | None = None
    ends: Mapping[int, int] | None = None


def scan(access: KafkaAccess, scan: Scan, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Message]:
    """Committed records, in order within a partition. No group is joined, nothing is committed.

    It ends at what is committed when it begins: an open transaction does not hold it up. Workers restore their state by
    `kafka.compacted` instead, which waits for open transactions. Raises `KafkaUnavailable`, `RestoreStalled`.
    """
    until = scan.until.timestamp() * 1000 if scan.until else None
    consumer = access.reader()
    try:
        # The ends are looked up in any case: a client that does not know the leaders yet waits half a second.
        there = _ends_of(consumer, scan.topic)
        ends = there if scan.ends is None else dict(scan.ends)
        starts = _starts(consumer, scan, ends)
        consumer.assign([TopicPartition(scan.topic, partition, offset) for partition, offset in starts.items()])
        pending = {partition for partition, offset in starts.items() if offset < ends.get(partition, 0)}
        progress = time.monotonic()
        while (pending or scan.follow) and not stop():
            messages = _take(consumer)
            if messages:
                progress = time.monotonic()
            elif not scan.follow and time.monotonic() - progress > _STALL_SECONDS:
                raise RestoreStalled(f"{scan.topic}: nothing could be read for {_STALL_SECONDS:g} s; check the brokers")
            for message in messages:
                partition, offset = message.partition() or 0, message.offset() or 0
                is_record = _is_record(message)
                if offset + is_record >= ends.get(partition, 0):
                    pending.discard(partition)
                if not is_record or (not scan.follow and offset >= ends.get(partition, 0)):
                    continue
                if until is None or message.timestamp()[1] < until:
                    yield message
    finally:
        consumer.close()


def ends_of(access: KafkaAccess, topics: Sequence[str]) -> dict[str, dict[int, int]]:
    """Where what is committed ends now in each partition, by topic. Raises `KafkaUnavailable`."""
    consumer = access.reader()
    try:
        return {topic: _ends_of(consumer, topic) for topic in topics}
    finally:
        consumer.close()


def _take(consumer: Consumer) -> list[Message]:
    """What is there, and no longer than a moment for the first; `consume` alone waits for a full batch."""
    first = consumer.poll(_WAIT_SECONDS)
    return [] if first is None else [first, *consumer.consume(_BATCH, 0)]


def _is_record(message: Message) -> bool:
    """False for the end of a partition. Raises `KafkaUnavailable`."""
    error = message.error()
    if error is None:
        return True
    if error.code() != KafkaError._PARTITION_EOF and not error.retriable():
        raise KafkaUnavailable(f"{message.topic()}: {error.str()}")
    return False


def _ends_of(consumer: Consumer, topic: str) -> dict[int, int]:
    found = _asked(topic, lambda: consumer.list_topics(topic, timeout=_CALL_SECONDS)).topics[topic]
    if found.error is not None:
        raise KafkaUnavailable(f"topic {topic} is missing; run `pipeline topics create`")

    def end(partition: int) -> int:
        place = TopicPartition(topic, partition)
        answer = consumer.get_watermark_offsets(place, timeout=_CALL_SECONDS, cached=False)
        if answer is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return int(answer[1])

    return {partition: _asked(topic, partial(end, partition)) for partition in sorted(found.partitions)}


def _starts(consumer: Consumer, scan: Scan, ends: Mapping[int, int]) -> Mapping[int, int]:
    if scan.starts is not None:
        return scan.starts
    if scan.only_new:
        return ends
    if scan.since is None:
        return dict.fromkeys(ends, OFFSET_BEGINNING)
    stamp = int(scan.since.timestamp() * 1000)
    asked = [TopicPartition(scan.topic, partition, stamp) for partition in ends]
    found = _asked(scan.topic, lambda: consumer.offsets_for_times(asked, timeout=_CALL_SECONDS))
    # -1: nothing is that young.
    return {place.partition: place.offset if place.offset >= 0 else ends[place.partition] for place in found}


def _asked(topic: str, ask: Callable[[], T]) -> T:
    """The broker's answer, asked again while what hinders it passes by itself."""
    deadline = time.monotonic() + _CALL_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.code() not in _PASSING or time.monotonic() > deadline:
                raise KafkaUnavailable(f"{topic}: {cause.str()}") from None
        time.sleep(_WAIT_SECONDS)
