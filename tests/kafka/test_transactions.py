"""A transaction shows all of its records and offsets, or none of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from confluent_kafka import Producer, TopicPartition

from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import read_to_end
from pipeline.kafka.errors import ProducerUnusable, StaleBatch, TransactionAborted
from pipeline.kafka.transactions import transact
from pipeline.schemas.topics import TopicSpec


@pytest.fixture
def topic(kafka: KafkaAccess, topic_prefix: str) -> str:
    create_topics(kafka, [TopicSpec(topic_prefix + "out", 1)], 1)
    return topic_prefix + "out"


def one(topic: str, value: bytes) -> Callable[[Producer], None]:
    return lambda producer: producer.produce(topic, value=value)


def visible(kafka: KafkaAccess, topic: str) -> list[bytes | None]:
    return [row.value() for batch in read_to_end(kafka, topic) for row in batch]


def refuse() -> None:
    raise StaleBatch("a rebalance came in between")


def test_what_is_refused_before_the_commit_never_shows_and_the_producer_goes_on(kafka: KafkaAccess, topic: str) -> None:
    producer = kafka.transactional_producer(topic)

    with pytest.raises(StaleBatch):
        transact(producer, one(topic, b"refused"), [], None, before_commit=refuse)
    transact(producer, one(topic, b"kept"), [], None)

    assert visible(kafka, topic) == [b"kept"]


def test_an_error_while_producing_takes_everything_back(kafka: KafkaAccess, topic: str) -> None:
    producer = kafka.transactional_producer(topic)

    def half(producer: Producer) -> None:
        producer.produce(topic, value=b"half")
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        transact(producer, half, [], None)
    transact(producer, one(topic, b"kept"), [], None)

    assert visible(kafka, topic) == [b"kept"]


def test_a_producer_with_a_successor_cannot_commit_any_more(kafka: KafkaAccess, topic: str) -> None:
    old = kafka.transactional_producer(topic)
    transact(old, one(topic, b"old"), [], None)
    new = kafka.transactional_producer(topic)

    with pytest.raises(ProducerUnusable):
        transact(old, one(topic, b"zombie"), [], None)
    transact(new, one(topic, b"new"), [], None)

    assert visible(kafka, topic) == [b"old", b"new"]


def test_offsets_of_one_who_left_the_group_abort_the_transaction(
    kafka: KafkaAccess, topic: str, topic_prefix: str
) -> None:
    group = topic_prefix + "group"
    consumer = kafka.consumer(group)
    consumer.subscribe([topic])
    while not consumer.assignment():
        consumer.poll(0.1)
    metadata = consumer.consumer_group_metadata()
    consumer.close()
    successor = kafka.consumer(group)
    successor.subscribe([topic])
    while not successor.assignment():
        successor.poll(0.1)
    producer = kafka.transactional_producer(topic)
    fenced = partial(transact, producer, one(topic, b"late"), [TopicPartition(topic, 0, 1)], metadata)

    with pytest.raises(TransactionAborted) as aborted:
        fenced()

    assert aborted.value.code in {22, 25}
    assert [place.offset for place in successor.committed([TopicPartition(topic, 0)], 30)] == [-1001]
    transact(producer, one(topic, b"kept"), [], None)
    assert visible(kafka, topic) == [b"kept"]
    successor.close()
