"""What evaluating a batch gives: records to be produced, nothing done yet."""

from __future__ import annotations

from typing import NamedTuple

ANY_PARTITION = -1
"""The key decides the partition (librdkafka's ``RD_KAFKA_PARTITION_UA``)."""

Headers = list[tuple[str, str | bytes | None]]


class Outgoing(NamedTuple):
    """One record to be produced. `partition` is `ANY_PARTITION` where the key decides.

    The order of the fields is that of `confluent_kafka.Producer.produce`. A tuple, because a batch holds thousands.
    """

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int = ANY_PARTITION
    headers: Headers | None = None
