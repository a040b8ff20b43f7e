"""Which partition a key has: the rule of the Java clients, which all our producers follow (`murmur2_random`)."""

from __future__ import annotations

from confluent_kafka.cimpl import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Apache Kafka's default partitioner for a record with a key."""
    return murmur2(key, partitions)
