"""The tail of `sync.decisions`, from which a new owner learns what was decided last on a partition."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.agents.dedupe import had_effect, identity
from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Decision

_REQUEST_SECONDS = 10.0


class DecisionTail:
    """Reads the last `limit` records of a partition up to its high watermark, whatever transactions are open on it.

    An owner takes its first batch after the offsets of its predecessor are settled; the markers on this topic may
    come a moment later, so the last stable offset is not the end.
    """

    def __init__(self, access: KafkaAccess, codec: Codec, topic: str, limit: int) -> None:
        self._access = access
        self._reader = CompactedReader(access)
        self._watermarks = access.reader()
        self._codec = codec
        self._topic = topic
        self._limit = limit
        self._lock = threading.Lock()

    def identities(self, partition: int) -> Sequence[str]:
        """Of the events that had their effect, oldest first. Raises `KafkaUnavailable`, `RestoreStalled`.

        The next call after one that raised goes by new clients: librdkafka's may have lost the only broker it knew for
        good, when that was missing from the metadata for a moment.
        """
        with self._lock:
            try:
                return self._read(partition)
            except KafkaException as error:
                self._renew()
                cause: KafkaError = error.args[0]
                raise KafkaUnavailable(f"cannot read {self._topic}[{partition}]: {cause.str()}") from error
            except (KafkaUnavailable, RestoreStalled):
                self._renew()
                raise

    def _read(self, partition: int) -> Sequence[str]:
        low, high = self._watermarks.get_watermark_offsets(
            TopicPartition(self._topic, partition), timeout=_REQUEST_SECONDS, cached=False
        )
        found: list[str] = []
        start = max(low, high - self._limit)
        for rows in self._reader.restore(self._topic, [partition], start={partition: start}):
            for row in rows:
                try:
                    decision = self._codec.decode(Decision, row.value() or b"")
                except Undecodable:
                    continue
                if had_effect(decision):
                    found.append(identity(decision.connection, decision.event_id, decision.replay))
        return found

    def _renew(self) -> None:
        self.close()
        self._reader, self._watermarks = CompactedReader(self._access), self._access.reader()

    def close(self) -> None:
        self._reader.close()
        self._watermarks.close()
