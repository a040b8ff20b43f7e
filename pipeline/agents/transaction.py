"""One Kafka transaction a batch: what was decided and the offsets become visible together, or neither does."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import partial

import structlog
from confluent_kafka import Producer

from pipeline.agents.evaluate import Held
from pipeline.agents.outgoing import Record
from pipeline.failpoints import fail_point
from pipeline.kafka.batch import Batch
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import ProducerUnusable, StaleBatch, TransactionAborted
from pipeline.kafka.transactions import transact
from pipeline.schemas.topics import LARGE_RECORD

COMES_AGAIN = (StaleBatch, TransactionAborted, ProducerUnusable)
"""The batch was not committed by us, for reasons outside of it: its records are read again, here or by their owner."""

log = structlog.get_logger(__name__)


class Transactions:
    """Carries batches out, one transaction each. Used by one thread at a time.

    Keeps one transactional id for its life: a new producer of the same id aborts what its predecessor left open. No
    state is shared between workers, so the id may be random.
    """

    def __init__(self, access: KafkaAccess, name: str) -> None:
        self._access = access
        self.transactional_id = f"{name}-{uuid.uuid4()}"
        self._producer: Producer | None = None

    def open(self) -> None:
        """Get the producer ready before the first batch waits for it."""
        self._ready()

    def carry_out(self, batch: Batch, records: Iterable[Record]) -> None:
        """Produce `records` and commit the batch's offsets. Raises one of `COMES_AGAIN`."""

        def before_commit() -> None:
            fail_point("agents.batch.produced")
            batch.await_turn()

        try:
            transact(
                self._ready(),
                partial(_produce, batch, records),
                batch.offsets,
                batch.group_metadata,
                before_commit=before_commit,
            )
        except ProducerUnusable:
            self._producer = None
            raise

    def close(self) -> None:
        """Let go of the producer. A transaction left open is aborted by the broker after its time-out."""
        self._producer = None

    def _ready(self) -> Producer:
        if self._producer is None:
            self._producer = self._access.transactional_producer(
                self.transactional_id, overrides={"message.max.bytes": LARGE_RECORD}
            )
        return self._producer


def _produce(batch: Batch, records: Iterable[Record], producer: Producer) -> None:
    try:
        _produce_all(records, producer)
    except Held as held:
        places = [f"{topic}[{partition}]@{offset}" for (topic, partition), offset in held.first.items()]
        log.warning("records wait, and what is behind them on their partitions", first=places, reason=held.reason)
        batch.hold(held.first)
    batch.evaluated()
    fail_point("agents.batch.evaluated")


def _produce_all(records: Iterable[Record], producer: Producer) -> None:
    produce = producer.produce
    for topic, value, key, partition, headers in records:
        while True:
            try:
                if headers is None:
                    produce(topic, value, key, partition)
                else:
                    produce(topic, value, key, partition, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
