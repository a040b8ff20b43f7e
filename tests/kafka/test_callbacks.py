"""What fails in a rebalance callback comes out of the consumer's call."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from pipeline.kafka.admin import create_topics
from pipeline.kafka.callbacks import rebalance_callback
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.topics import TopicSpec

PATIENCE = 60.0


def test_what_fails_in_a_callback_comes_out_as_an_exception(kafka: KafkaAccess, topic_prefix: str) -> None:
    topic = f"{topic_prefix}in"
    create_topics(kafka, [TopicSpec(topic, 1)], 1)

    def ask_for_what_is_not_there(consumer: Consumer, _: list[TopicPartition]) -> None:
        consumer.get_watermark_offsets(TopicPartition(topic, 77), timeout=5)

    consumer = kafka.consumer(f"{topic_prefix}group")
    consumer.subscribe([topic], on_assign=rebalance_callback(ask_for_what_is_not_there))
    try:
        with pytest.raises(KafkaUnavailable, match="Unknown partition"):
            poll_for_long(consumer)
    finally:
        consumer.close()


def poll_for_long(consumer: Consumer) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        consumer.poll(0.2)
