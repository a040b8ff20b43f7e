"""The way back of a dead letter: all of its record, also what it had to leave out, and whether its topic takes it."""

from __future__ import annotations

import time
import zlib
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from pipeline.kafka.admin import largest_record
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.messages import readable_headers_of
from pipeline.schemas.letters import is_whole
from pipeline.schemas.records import DeadLetter
from pipeline.schemas.topics import Topics

_SECONDS = 10.0
_OVERHEAD = 1_000
"""Bytes of a batch besides the record."""
_WORSE = 1.5
"""What Kafka's compression makes of a text, at most, for each byte that zlib's fastest makes of it."""


class WayBack:
    """Opens what it needs when it needs it; close it."""

    def __init__(self, access: KafkaAccess, topics: Topics) -> None:
        self._access, self._topics = access, topics
        self._consumer: Consumer | None = None
        self._largest: dict[str, int] = {}

    def whole(self, letter: DeadLetter) -> DeadLetter:
        """With what it left out, read from the topic that it came from; as it is where that keeps it no longer."""
        if is_whole(letter):
            return letter
        found = self._read(letter)
        if found is None:
            return letter
        value, key, headers = found.value(), found.key(), readable_headers_of(found)
        return msgspec.structs.replace(letter, value=value, key=key, headers=headers)

    def fits(self, letter: DeadLetter) -> bool:
        """Whether the topic takes the record, which may be smaller when it is compressed."""
        value = letter.value or b""
        more = len(letter.key or b"") + sum(len(name) + len(text or b"") for name, text in letter.headers) + _OVERHEAD
        topic = self._topics.redriven(letter.topic)
        largest = self._largest.get(topic)
        if largest is None:
            largest = self._largest[topic] = largest_record(self._access, topic)
        return len(value) + more <= largest or _WORSE * len(zlib.compress(value, 1)) + more <= largest

    def _read(self, letter: DeadLetter) -> Message | None:
        if self._consumer is None:
            self._consumer = self._access.reader()
        self._consumer.assign([TopicPartition(letter.topic, letter.partition, letter.offset)])
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            message = self._consumer.poll(0.2)
            if message is not None:
                there = message.error() is None and message.offset() == letter.offset
                return message if there else None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            self._consumer.close()
