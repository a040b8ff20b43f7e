"""The mappings of a worker: all of the topic, or none of it."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from pipeline.apps.base import Pair
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import RestoreStalled
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key
from pipeline.schemas.topics import Topics
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.restore import AWAY_SECONDS, MappingTail

SCOPE = "books+togai"


def pair(number: int) -> Pair:
    account = ObjectRef(app="togai", type="account", id=f"a{number}")
    return Pair(account, ObjectRef(app="zohobooks", type="contact", id=str(number)), hash="h")


def rows(pair: Pair) -> list[tuple[bytes, bytes]]:
    return [
        (mapping_key(SCOPE, one).encode(), Codec().encode(Mapping(other=other, hash=pair.hash)))
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source))
    ]


@pytest.fixture
def topics(kafka: KafkaAccess, topic_prefix: str) -> Topics:
    topics = Topics(topic_prefix, 2, ())
    create_topics(kafka, [spec for spec in topics.specs() if spec.name == topics.mappings], 1)
    return topics


def write(kafka: KafkaAccess, topics: Topics, *pairs: Pair) -> None:
    producer = kafka.producer()
    for each in pairs:
        for key, value in rows(each):
            producer.produce(topics.mappings, value, key)
    assert producer.flush(30) == 0


def known(table: MappingTable, *pairs: Pair) -> list[bool]:
    return [
        table.get(SCOPE, each.source) is not None and table.get(SCOPE, each.destination) is not None for each in pairs
    ]


def test_a_reading_that_failed_half_way_begins_at_the_start_again(kafka: KafkaAccess, topics: Topics) -> None:
    before, beyond = [pair(number) for number in range(50)], pair(99)
    write(kafka, topics, *before)
    lasting = {"transaction.timeout.ms": 120_000, "delivery.report.only.error": False}
    producer = kafka.transactional_producer(topics.prefix + "txn", overrides=lasting)
    producer.begin_transaction()
    for partition in range(2):
        producer.produce(topics.mappings, b"{}", b"open", partition)
    assert producer.flush(30) == 0
    write(kafka, topics, beyond)
    table = MappingTable()
    tail = MappingTail(kafka, topics, table, stall_limit=0.5)

    with pytest.raises(RestoreStalled):
        tail.catch_up()
    assert known(table, *before[:1], beyond) == [False, False]

    producer.abort_transaction(30)
    for _ in range(100):
        with suppress(RestoreStalled):
            tail.catch_up()
            break
    tail.close()
    assert all(known(table, *before, beyond))


def test_who_was_away_for_longer_than_tombstones_are_kept_reads_all_of_it_again(
    kafka: KafkaAccess, topics: Topics
) -> None:
    write(kafka, topics, pair(1))
    table, passed = MappingTable(), [0.0]
    tail = MappingTail(kafka, topics, table, elapsed=lambda: passed[0])
    tail.catch_up()
    for key, value in rows(pair(2)):
        table.load(key, value)
    tail.catch_up()
    assert known(table, pair(1), pair(2)) == [True, True]

    passed[0] += AWAY_SECONDS + 1
    with pytest.raises(RestoreStalled, match="asleep"):
        tail.poll()
    tail.catch_up()
    tail.poll()
    tail.close()
    assert known(table, pair(1), pair(2)) == [True, False]


def test_what_comes_later_is_taken_in_from_where_the_reading_stood(kafka: KafkaAccess, topics: Topics) -> None:
    table = MappingTable()
    tail = MappingTail(kafka, topics, table)
    tail.catch_up()
    write(kafka, topics, pair(1))
    tail.catch_up()
    assert known(table, pair(1), pair(2)) == [True, False]
    write(kafka, topics, pair(2))
    landed: list[str] = []
    waited = threading.Event()
    while len(landed) < 2:
        landed += tail.poll()
        assert not waited.wait(0.01)
    tail.catch_up()
    tail.close()
    assert sorted(landed) == sorted(key.decode() for key, _ in rows(pair(2)))
    assert all(known(table, pair(1), pair(2)))
