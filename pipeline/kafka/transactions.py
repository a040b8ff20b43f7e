"""One Kafka transaction: records and the offsets that they come from, both or neither.

The offsets are also the fence: a worker that lost its membership cannot send them, so it cannot commit. A
transaction without offsets proves nothing about the group (KIP-447).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from pipeline.kafka.errors import ProducerUnusable, TransactionAborted

_RETRY_PAUSE_SECONDS = 0.05
DELIVERY_SECONDS = 12.0
"""For the records of a transaction: longer than `delivery.timeout.ms`, after which each is delivered or given up.

Not so those whose partition is not yet part of the transaction: librdkafka 2.16 keeps them for as long as it waits for
the coordinator, and after a broker's restart that may be for good.
"""
OFFSETS_SECONDS = 6.0
"""For sending offsets, which takes milliseconds as a rule and seconds where the group's coordinator moves."""


def transact(
    producer: Producer,
    produce: Callable[[Producer], None],
    offsets: Sequence[TopicPartition],
    group_metadata: Any,
    *,
    timeout: float = 30,
    before_commit: Callable[[], None] | None = None,
) -> None:
    """Begins, calls `produce`, sends `offsets` (next positions) under `group_metadata`, commits.

    `before_commit` runs last before the commit and may raise to take everything back. Whatever is raised, nothing is
    visible to readers of committed records: `TransactionAborted` (try the records again with fresh metadata),
    `ProducerUnusable` (make a new producer; whether the commit took place is then told only by the committed
    offsets), or what `produce` or `before_commit` raised.
    """
    deadline = time.monotonic() + timeout
    try:
        producer.begin_transaction()
        produce(producer)
        # Offsets that follow a flush cost one round trip; offsets in front of it make the commit wait for both.
        if producer.flush(min(timeout, DELIVERY_SECONDS)):
            raise ProducerUnusable(f"records were not delivered in {DELIVERY_SECONDS:g} s: a broker went away")
        if offsets:
            _send_offsets(producer, offsets, group_metadata, deadline)
        if before_commit is not None:
            before_commit()
    except KafkaException as error:
        _give_up(producer, error, deadline)
    except ProducerUnusable:
        raise
    except BaseException:
        _abort(producer, deadline)
        raise
    try:
        _with_retries(producer.commit_transaction, deadline)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if not (cause.retriable() or cause.fatal()):
            # Readers need not wait for its time-out, if it is still open.
            with suppress(ProducerUnusable):
                _abort(producer, deadline)
        # Undecided, also after an abort: that may be a new epoch, for which the coordinator completes a commit first.
        raise ProducerUnusable(f"it is not known whether a transaction was committed: {cause.str()}") from error


def _send_offsets(producer: Producer, offsets: Sequence[TopicPartition], group_metadata: Any, deadline: float) -> None:
    """On a thread of its own, which is left behind where it does not come back.

    librdkafka 2.16 does not keep to the time-out of this call. When a broker was missing from the cluster's metadata
    for a moment, as each one is that restarts, the call may never return: https://github.com/confluentinc/librdkafka/issues/5456
    and 5511. The producer is then of no use; its transaction is never committed, as nobody else has it.
    """
    sent: Future[None] = Future()

    def send() -> None:
        try:
            _with_retries(
                lambda left: producer.send_offsets_to_transaction(list(offsets), group_metadata, left), deadline
            )
        except BaseException as error:
            sent.set_exception(error)
        else:
            sent.set_result(None)

    threading.Thread(target=send, name="send-offsets", daemon=True).start()
    try:
        sent.result(OFFSETS_SECONDS)
    except TimeoutError:
        raise ProducerUnusable(f"sending offsets did not return in {OFFSETS_SECONDS:g} s: a broker went away") from None


def _with_retries(call: Callable[[float], object], deadline: float) -> None:
    while True:
        left = deadline - time.monotonic()
        try:
            call(max(left, 0.1))
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if not cause.retriable() or left <= 0:
                raise
            time.sleep(_RETRY_PAUSE_SECONDS)
        else:
            return


def _give_up(producer: Producer, error: KafkaException, deadline: float) -> None:
    cause: KafkaError = error.args[0]
    if cause.fatal() or cause.code() in {KafkaError._FENCED, KafkaError._STATE, KafkaError._CONFLICT}:
        raise ProducerUnusable(f"the producer cannot go on: {cause.str()}") from error
    _abort(producer, deadline)
    raise TransactionAborted(f"a transaction was rolled back: {cause.str()}", code=cause.code()) from error


def _abort(producer: Producer, deadline: float) -> None:
    try:
        _with_retries(producer.abort_transaction, max(deadline, time.monotonic() + 10))
    except KafkaException as error:
        raise ProducerUnusable(f"a transaction could not be rolled back: {error.args[0].str()}") from error
