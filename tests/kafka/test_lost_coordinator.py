"""What librdkafka leaves to us when a broker goes away (https://github.com/confluentinc/librdkafka/issues/5456)."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from pipeline.kafka import transactions
from pipeline.kafka.errors import ProducerUnusable
from pipeline.kafka.transactions import transact


class Stuck:
    """A producer whose coordinator is gone: sending offsets returns when the test says so."""

    def __init__(self, undelivered: int = 0, refuses: bool = False) -> None:
        self.refuses = refuses
        self.undelivered = undelivered
        self.returns = threading.Event()
        self.returned = threading.Event()
        self.ended: list[str] = []

    def begin_transaction(self) -> None: ...

    def flush(self, timeout: float) -> int:
        return self.undelivered

    def send_offsets_to_transaction(self, offsets: Any, metadata: Any, timeout: float) -> None:
        self.returns.wait()
        self.returned.set()

    def commit_transaction(self, timeout: float) -> None:
        self.ended.append("commit")
        if self.refuses:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN, "Failed to end transaction", txn_requires_abort=True))

    def abort_transaction(self, timeout: float) -> None:
        self.ended.append("abort")


def test_offsets_that_are_never_sent_cost_the_producer_and_never_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "OFFSETS_SECONDS", 0.05)
    stuck = Stuck()

    with pytest.raises(ProducerUnusable, match="did not return"):
        transact(cast(Producer, stuck), lambda _: None, [TopicPartition("t", 0, 1)], None)
    stuck.returns.set()

    assert stuck.returned.wait(30)
    assert stuck.ended == []


def test_records_that_are_never_delivered_cost_the_producer_and_never_commit() -> None:
    stuck = Stuck(undelivered=1)

    with pytest.raises(ProducerUnusable, match="not delivered"):
        transact(cast(Producer, stuck), lambda _: None, [TopicPartition("t", 0, 1)], None)

    assert not stuck.returned.is_set()
    assert stuck.ended == []


def test_a_commit_that_fails_is_never_told_as_rolled_back() -> None:
    stuck = Stuck(refuses=True)

    with pytest.raises(ProducerUnusable, match="not known whether"):
        transact(cast(Producer, stuck), lambda _: None, [], None)

    assert stuck.ended == ["commit", "abort"]
