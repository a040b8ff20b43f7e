"""Taking over: the committed offsets first, then the ledger up to its high watermark, and the mappings as well.

`committed` waits while a predecessor's offsets are pending (`isolation.level=read_committed`, KIP-447), so whatever was
written together with them is in the log before its high watermark is asked for. A dead transaction may keep the last
stable offset below that watermark for a while: reading waits, it never goes on without (`kafka.compacted`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import ConnectionState, LedgerRow
from pipeline.schemas.topics import Topics
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.mappings import MappingTable

COMMITTED_SECONDS = 60.0


def committed_positions(consumer: Consumer, topics: Sequence[str], indexes: Iterable[int]) -> dict[int, dict[str, int]]:
    """Next offsets by index and topic; the first offset there is where none was committed. Raises `KafkaUnavailable`."""
    wanted = [TopicPartition(topic, index) for index in indexes for topic in topics]
    positions: dict[int, dict[str, int]] = {index: {} for index in indexes}
    deadline = time.monotonic() + COMMITTED_SECONDS
    while wanted:
        again = []
        try:
            found = consumer.committed(wanted, timeout=5)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError._TIMED_OUT:
                raise KafkaUnavailable(f"committed offsets cannot be read: {fault.args[0].str()}") from None
            found, again = [], wanted
        for each in found:
            if each.error is not None:
                again.append(TopicPartition(each.topic, each.partition))
            elif each.offset >= 0:
                positions[each.partition][each.topic] = each.offset
            else:
                low, _ = consumer.get_watermark_offsets(TopicPartition(each.topic, each.partition), timeout=5)
                positions[each.partition][each.topic] = low
        wanted = again
        if wanted and time.monotonic() > deadline:
            raise KafkaUnavailable(
                f"committed offsets of {len(wanted)} partitions stayed pending for {COMMITTED_SECONDS:g} s"
            )
    return positions
