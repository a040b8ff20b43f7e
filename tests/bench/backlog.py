"""A backlog to be worked off, and the check of what came out: complete, unique, in order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not re-exported

from pipeline.kafka.clients import KafkaAccess

PARTITIONS = 8
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a system put out. `last` is when the broker appended the last record, in POSIX seconds."""

    records: int
    last: float


def fresh_topics(bootstrap: str, *names: str, partitions: int = PARTITIONS) -> tuple[str, ...]:
    """Topics that nobody used before; their records carry the broker's own time of appending."""
    tag = uuid.uuid4().hex[:8]
    topics = tuple(f"bench.{tag}.{name}" for name in names)
    config = {"message.timestamp.type": "LogAppendTime", "segment.bytes": str(256 * 1024 * 1024)}
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config) for topic in topics]
    for future in admin.create_topics(wanted).values():
        future.result(_SECONDS)
    return topics


def drop_topics(bootstrap: str, topics: Iterable[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics(list(topics)).values():
        future.result(_SECONDS)


def fill(bootstrap: str, topic: str, records: Iterable[tuple[bytes, bytes]], compression: str = "none") -> int:
    """Write (key, value) pairs to `topic`, partitions by key; gives their number."""
    producer = KafkaAccess(bootstrap).producer({"linger.ms": 20, "compression.type": compression})
    count = 0
    for key, value in records:
        count += 1
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    if left := producer.flush(_SECONDS):
        raise RuntimeError(f"{left} records were not accepted by the broker")
    return count


def arrived(bootstrap: str, topic: str, sequence: Callable[[Message], int], expected: int) -> Arrived:
    """Read all that is committed on `topic`. Raises unless it is 0 … expected - 1, once each, in order for each key."""
    consumer = KafkaAccess(bootstrap).reader()
    partitions = consumer.list_topics(topic, _SECONDS).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    seen: set[int] = set()
    newest: dict[bytes, int] = {}
    last = 0.0
    ended: set[int] = set()
    try:
        while len(ended) < len(partitions):
            for message in consumer.consume(5_000, 1.0):
                error = message.error()
                if error is not None:
                    if error.name() != "_PARTITION_EOF":
                        raise KafkaException(error)
                    ended.add(message.partition() or 0)
                    continue
                number = sequence(message)
                if number in seen:
                    raise RuntimeError(f"{topic} holds event {number} twice")
                key = message.key() or b""
                if number < newest.get(key, -1):
                    raise RuntimeError(f"{topic} is out of order for {key!r} at event {number}")
                seen.add(number)
                newest[key] = number
                last = max(last, message.timestamp()[1] / 1000)
    finally:
        consumer.close()
    if len(seen) != expected:
        raise RuntimeError(f"{topic} holds {len(seen)} of {expected} events")
    return Arrived(records=len(seen), last=last)
