"""What may leave a callback of confluent-kafka."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.kafka.errors import KafkaUnavailable

OnRebalance = Callable[[Consumer, list[TopicPartition]], None]


def rebalance_callback(act: OnRebalance) -> OnRebalance:
    """For `Consumer.subscribe`: where `act` raises `KafkaException`, the consumer's call raises `KafkaUnavailable`.

    Of a `KafkaException` that leaves a callback, confluent-kafka 2.16 raises the bare `KafkaError`. That is no
    exception: not even ``except BaseException`` catches it, and the thread ends without a word.
    """

    @wraps(act)
    def guarded(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            act(consumer, partitions)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            raise KafkaUnavailable(f"while partitions changed hands: {cause.str()}") from error

    return guarded
