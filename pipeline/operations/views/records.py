"""Messages of the topics that the log is made of, decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import structlog
from confluent_kafka import Message

from pipeline.errors import PipelineError, Retry
from pipeline.kafka.messages import readable_headers_of
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Command, Decision, LedgerRow, Result, Step, redrive_rounds
from pipeline.schemas.topics import Topics
from pipeline.sinks.verbs import VERBS


class Said(NamedTuple):
    """One record and its place. `round` is how often a command was sent again; `key` of a ledger row.

    `record` is None where a ledger row ended.
    """

    record: msgspec.Struct | None
    partition: int
    offset: int
    round: int = 0
    key: str = ""


class Reading:
    """Decodes what belongs to the log; what cannot be read is logged and left out, as everywhere.

    Raises `Retry` while the schema registry cannot be asked.
    """

    def __init__(self, topics: Topics, codec: Codec) -> None:
        self._codec = codec
        self._ledger = topics.ledger
        self._kinds: dict[str, type[msgspec.Struct]] = {
            topics.decisions: Decision,
            **dict.fromkeys(topics.carried_out(), Command),
            topics.results: Result,
            topics.steps: Step,
            topics.ledger: LedgerRow,
        }

    @property
    def topics(self) -> tuple[str, ...]:
        """What is tailed."""
        return tuple(self._kinds)

    def read(self, messages: Iterable[Message]) -> list[Said]:
        return [said for message in messages if (said := self._one(message)) is not None]

    def _one(self, message: Message) -> Said | None:
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        value = message.value()
        key = (message.key() or b"").decode(errors="replace") if topic == self._ledger else ""
        if value is None:
            return Said(None, partition, offset, key=key) if topic == self._ledger else None
        kind = self._kinds[topic]
        try:
            record = self._codec.decode(kind, value)
        except Retry:
            raise
        except PipelineError as error:
            structlog.get_logger().warning(
                "a record cannot be read", topic=topic, partition=partition, offset=offset, reason=str(error)
            )
            return None
        if isinstance(record, Command | Result) and record.action in VERBS:
            return None
        round_ = redrive_rounds(readable_headers_of(message)) if kind is Command else 0
        return Said(record, partition, offset, round_, key)
