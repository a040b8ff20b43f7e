"""Records as any producer may send them, and where they came to lie: what the tests know them by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError, Message

from pipeline.kafka.clients import KafkaAccess

SECONDS = 30.0
LARGEST = 16 * 1024 * 1024
"""Bytes that these producers send at most; what a topic takes is its own setting."""

Place = tuple[str, int, int]
"""Topic, partition, offset."""
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """One record, whatever is in it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = 0
    """Milliseconds; 0 for now."""


class RawProducer:
    """Sends records one by one: each is compressed with `codec`, and measured by the broker, on its own."""

    def __init__(self, access: KafkaAccess, *, codec: str = "lz4") -> None:
        options = {"message.max.bytes": LARGEST, "compression.type": codec, "linger.ms": 0, "batch.num.messages": 1}
        self._producer = access.producer(options)

    def send(self, records: Sequence[Raw]) -> list[Place]:
        """In this order; gives their places when all are acknowledged."""
        places: dict[int, Place] = {}

        def delivered(number: int, error: KafkaError | None, message: Message) -> None:
            assert error is None, f"{message.topic()} takes no such record: {error}"
            places[number] = (message.topic() or "", message.partition() or 0, message.offset() or 0)

        for number, record in enumerate(records):
            headers: list[tuple[str, str | bytes | None]] = list(record.headers)
            report = partial(delivered, number)
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                headers=headers,
                timestamp=record.timestamp,
                on_delivery=report,
            )
        assert self._producer.flush(SECONDS) == 0
        return [places[number] for number in range(len(records))]


def send_with_odd_header(access: KafkaAccess, records: Sequence[tuple[str, int, bytes, bytes]]) -> list[Place]:
    """Each with a header whose name is no UTF-8, as clients of other languages let one send; topic, partition, key,
    value. In a process of its own: the client library has to be told before it is imported that it may be patched."""
    rows = [[topic, partition, key.hex(), value.hex()] for topic, partition, key, value in records]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.odd_header", access.bootstrap_servers],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
    )
    return [(topic, partition, offset) for topic, partition, offset in json.loads(done.stdout)]
