"""State comes back whole: up to the high watermark, whatever stands in the way, and then goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader, read_to_end
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.schemas.topics import TopicSpec

LIMIT = 60


@pytest.fixture
def topic(kafka: KafkaAccess, topic_prefix: str) -> str:
    name = topic_prefix + "state"
    create_topics(kafka, [TopicSpec(name, 3, {"cleanup.policy": "compact"})], 1)
    return name


@pytest.fixture
def reader(kafka: KafkaAccess) -> Iterator[CompactedReader]:
    with CompactedReader(kafka, stall_limit=LIMIT) as opened:
        yield opened


def write(kafka: KafkaAccess, topic: str, rows: list[tuple[int, bytes, bytes | None]]) -> None:
    producer = kafka.producer()
    for partition, key, value in rows:
        producer.produce(topic, value=value, key=key, partition=partition, headers=[("n", b"1")])
    assert producer.flush(30) == 0


def restored(reader: CompactedReader, topic: str, partitions: list[int] | None = None) -> dict[bytes, bytes]:
    state: dict[bytes, bytes] = {}
    for batch in reader.restore(topic, partitions):
        for row in batch:
            key, value = row.key(), row.value()
            assert key is not None
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
    return state


def pending(kafka: KafkaAccess, topic: str, prefix: str, partition: int) -> Producer:
    """A transaction that has written and is not finished."""
    producer = kafka.transactional_producer(prefix + "txn", overrides={"delivery.report.only.error": False})
    producer.begin_transaction()
    producer.produce(topic, value=b"pending", key=b"p", partition=partition)
    assert producer.flush(30) == 0
    return producer


def test_the_last_row_of_a_key_counts_and_a_tombstone_removes_it(
    kafka: KafkaAccess, topic: str, reader: CompactedReader
) -> None:
    write(kafka, topic, [(0, b"a", b"1"), (1, b"b", b"1"), (0, b"a", b"2"), (1, b"b", None), (2, b"c", b"1")])

    assert restored(reader, topic) == {b"a": b"2", b"c": b"1"}
    assert restored(reader, topic, [1, 2]) == {b"c": b"1"}


def test_an_empty_topic_is_restored_at_once(topic: str, reader: CompactedReader) -> None:
    assert restored(reader, topic) == {}


def test_rows_bring_their_place_and_headers(kafka: KafkaAccess, topic: str) -> None:
    write(kafka, topic, [(2, b"a", b"1"), (2, b"b", None)])

    rows = [row for batch in read_to_end(kafka, topic, [2]) for row in batch]

    assert [(row.key(), row.value(), row.partition(), row.offset()) for row in rows] == [
        (b"a", b"1", 2, 0),
        (b"b", None, 2, 1),
    ]
    assert rows[0].headers() == [("n", b"1")]
    assert rows[0].timestamp()[1] > 0


def test_after_the_restore_the_tail_is_followed(kafka: KafkaAccess, topic: str, reader: CompactedReader) -> None:
    write(kafka, topic, [(0, b"a", b"1")])
    restored(reader, topic)

    assert reader.poll() == []
    write(kafka, topic, [(0, b"a", b"2"), (1, b"b", b"1")])

    tail: list[tuple[bytes | None, bytes | None]] = []
    while len(tail) < 2:
        tail += [(row.key(), row.value()) for row in reader.poll(LIMIT)]
    assert sorted(tail, key=repr) == [(b"a", b"2"), (b"b", b"1")]


def test_reading_from_an_offset_leaves_out_what_is_before_it(
    kafka: KafkaAccess, topic: str, reader: CompactedReader
) -> None:
    write(kafka, topic, [(0, b"a", b"1"), (0, b"b", b"1"), (1, b"c", b"1")])

    rows = [row.key() for batch in reader.restore(topic, [0, 1], start={0: 1, 1: 1}) for row in batch]

    assert rows == [b"b"]


@pytest.mark.parametrize("commits", [True, False])
def test_a_pending_transaction_is_waited_for_and_what_lies_beyond_it_is_read(
    kafka: KafkaAccess, topic: str, topic_prefix: str, reader: CompactedReader, commits: bool
) -> None:
    """The row after the pending one is what a reader that stops at the last stable offset loses."""
    write(kafka, topic, [(0, b"a", b"before")])
    producer = pending(kafka, topic, topic_prefix, 0)
    write(kafka, topic, [(0, b"z", b"beyond")])
    rows = reader.restore(topic, [0])
    seen = [row.key() for row in next(rows)]
    assert seen == [b"a"]

    ending = threading.Timer(0.3, producer.commit_transaction if commits else producer.abort_transaction)
    ending.start()
    seen += [row.key() for batch in rows for row in batch]
    ending.join()

    assert seen == [b"a", *([b"p"] if commits else []), b"z"]


def test_a_transaction_that_does_not_end_makes_the_restore_fail_rather_than_go_on(
    kafka: KafkaAccess, topic: str, topic_prefix: str
) -> None:
    producer = pending(kafka, topic, topic_prefix, 1)
    write(kafka, topic, [(1, b"z", b"beyond"), (0, b"a", b"1")])

    with (
        CompactedReader(kafka, stall_limit=0.5) as impatient,
        pytest.raises(RestoreStalled, match=r"partition 1 at 0 of 2.*open transaction"),
    ):
        restored(impatient, topic)

    producer.abort_transaction(30)


def test_a_topic_that_is_not_there_is_named(topic_prefix: str, reader: CompactedReader) -> None:
    with pytest.raises(KafkaUnavailable, match=r"nowhere is missing; run `pipeline topics create`"):
        restored(reader, topic_prefix + "nowhere")
