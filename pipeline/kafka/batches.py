"""A group member that hands out batches: a consumer on a thread of its own, with back-pressure.

All calls of the consumer happen on that thread, since they exclude each other: from another one, `commit()` and
`consumer_group_metadata()` would wait for `consume()` to return. Workers never need them: the group metadata travels
with the batch and offsets are committed by the producer's transaction.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from pipeline.kafka.batch import Batch, InWork, Place
from pipeline.kafka.callbacks import rebalance_callback
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable

Deliver = Callable[[Batch], None]
OnPartitions = Callable[[list[TopicPartition]], None]

_IDLE_SECONDS = 0.1
_LINGER_SECONDS = 0.005
_COMMITTED_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 2.0
_HELD_SECONDS = 1.0
"""Until records that could not be done are read again."""

_log = logging.getLogger(__name__)


class BatchConsumer:
    """Reads `topics` as a member of `group_id` and calls `deliver(batch)` on its thread, which must not block.

    At most `in_flight` batches are out at a time, and the next one is fetched when all of them are `evaluated`: while
    they wait for the brokers, not while the interpreter is at work. A worker commits a batch in one transaction
    (`transactions.transact` with `before_commit=batch.await_turn`), then calls `done`, or `failed`: the consumer then
    goes back to the committed offsets and the records come again. It works on `batch.readable()`, and may `hold` places
    where something cannot be done yet: they alone are read again, after a while.

    The callbacks run on the consumer's thread: `on_assign` before the first record of a partition (restore state
    there), `on_revoke` after the batches with its records have ended (or `drain_limit` seconds), `on_lost` at once.
    Drop the partition's state in both. `on_failure` hears what ended the thread.
    """

    def __init__(
        self,
        access: KafkaAccess,
        group_id: str,
        topics: Sequence[str],
        *,
        deliver: Deliver,
        on_assign: OnPartitions | None = None,
        on_revoke: OnPartitions | None = None,
        on_lost: OnPartitions | None = None,
        on_failure: Callable[[BaseException], None] | None = None,
        batch_size: int = 5000,
        in_flight: int = 2,
        drain_limit: float = 20,
    ) -> None:
        self._access = access
        self._group_id = group_id
        self._topics = list(topics)
        self._deliver = deliver
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self._on_failure = on_failure
        self._batch_size = batch_size
        self._in_flight = in_flight
        self._drain_limit = drain_limit
        self._in_work = InWork()
        self._owned: set[Place] = set()
        self._taken_away: set[Place] = set()
        self._paused: dict[Place, float] = {}
        """Places that are held, and until when."""
        self._number = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"batches-{group_id}", daemon=True)
        self._failure: BaseException | None = None

    @property
    def failure(self) -> BaseException | None:
        """What ended the thread before its time."""
        return self._failure

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Takes no more, waits for the batches in work (`drain_limit`), leaves the group. May be called twice."""
        self._stopping.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def request_stop(self) -> None:
        """As `stop`, without waiting."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            consumer = self._access.consumer(self._group_id)
            try:
                consumer.subscribe(
                    self._topics,
                    on_assign=rebalance_callback(self._assigned),
                    on_revoke=rebalance_callback(self._revoked),
                    on_lost=rebalance_callback(self._lost),
                )
                while not self._stopping.is_set():
                    self._step(consumer)
                self._in_work.drain(None, self._drain_limit)
            finally:
                consumer.close()
        except BaseException as error:
            self._failure = error
            self._in_work.void(None)
            _log.exception("The consumer of group %s ended", self._group_id)
            if self._on_failure is not None:
                self._on_failure(error)

    def _step(self, consumer: Consumer) -> None:
        if self._in_work.rewind_needed:
            self._rewind(consumer)
        self._heed_holds(consumer)
        if not self._in_work.wait_for_room(self._in_flight, _IDLE_SECONDS) or self._in_work.rewind_needed:
            return
        messages = self._take(consumer)
        if messages:
            self._hand_out(consumer, messages)

    def _take(self, consumer: Consumer) -> list[Message]:
        """What is there, after waiting a moment for the first record. Rebalance callbacks run here."""
        self._taken_away.clear()
        first = consumer.poll(_IDLE_SECONDS)
        if first is None:
            return []
        taken = [first, *consumer.consume(self._batch_size - 1, _LINGER_SECONDS)]
        messages = [message for message in taken if message.error() is None]
        if len(messages) < len(taken):
            for message in taken:
                self._heed(message.error())
        if not self._taken_away.isdisjoint(self._owned):
            # Lost and assigned again meanwhile: which of the records are from before cannot be told.
            self._in_work.request_rewind()
            return []
        if self._taken_away:
            gone = self._taken_away
            messages = [message for message in messages if (message.topic(), message.partition()) not in gone]
        return messages

    def _hand_out(self, consumer: Consumer, messages: list[Message]) -> None:
        try:
            metadata = consumer.consumer_group_metadata()
        except RuntimeError:
            # Between two memberships: without metadata nothing could be committed.
            self._in_work.request_rewind()
            return
        last = {(message.topic() or "", message.partition() or 0): message.offset() or 0 for message in messages}
        positions = [TopicPartition(topic, number, offset + 1) for (topic, number), offset in last.items()]
        self._number += 1
        batch = Batch(self._number, messages, positions, metadata, self._in_work)
        if self._in_work.add(batch):
            self._deliver(batch)

    def _heed_holds(self, consumer: Consumer) -> None:
        """Held places pause, then reading goes back to where they are held."""
        for (topic, number), offset in self._in_work.holds.items():
            until = self._paused.get((topic, number))
            try:
                if until is None:
                    self._paused[topic, number] = time.monotonic() + _HELD_SECONDS
                    consumer.pause([TopicPartition(topic, number)])
                elif time.monotonic() >= until and self._in_work.lift((topic, number)):
                    del self._paused[topic, number]
                    consumer.resume([TopicPartition(topic, number)])
                    consumer.seek(TopicPartition(topic, number, offset))
            except KafkaException:
                # Wherever reading stands now, the committed offsets are right.
                self._in_work.request_rewind()

    def _rewind(self, consumer: Consumer) -> None:
        """Waits for the stale batches to be given up, then reads on from the committed offsets."""
        if not self._in_work.drain(None, self._drain_limit):
            self._in_work.forget_stale()
        failures = self._in_work.failures_in_a_row
        if failures:
            self._stopping.wait(min(0.02 * 2 ** min(failures, 10), _LONGEST_PAUSE_SECONDS))
        self._in_work.rewound()
        while not self._stopping.is_set() and not self._back_to_committed(consumer):
            # Serves rebalance callbacks; a record that it takes comes again.
            consumer.poll(_IDLE_SECONDS)

    def _back_to_committed(self, consumer: Consumer) -> bool:
        """False: try again. A predecessor's transaction is pending, the broker is away, or a rebalance is due."""
        owned = [TopicPartition(topic, number) for topic, number in sorted(self._owned)]
        if not owned:
            return True
        paused = [place for place in owned if (place.topic, place.partition) in self._paused]
        try:
            if paused:
                consumer.resume(paused)
            self._paused.clear()
            for place in consumer.committed(owned, _COMMITTED_SECONDS):
                if place.error is not None:
                    return False
                if place.offset < 0:
                    place.offset = OFFSET_BEGINNING
                consumer.seek(place)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.fatal():
                raise
            return False
        return True

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned |= _places(partitions)
        if self._on_assign is not None:
            self._on_assign(partitions)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = _places(partitions)
        self._in_work.drain(places, self._drain_limit)
        self._let_go(places)
        if self._on_revoke is not None:
            self._on_revoke(partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = _places(partitions)
        self._in_work.void(places)
        self._let_go(places)
        if self._on_lost is not None:
            self._on_lost(partitions)

    def _let_go(self, places: set[Place]) -> None:
        self._owned -= places
        self._taken_away |= places
        self._in_work.release(places)
        for place in places:
            self._paused.pop(place, None)

    def _heed(self, error: KafkaError | None) -> None:
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return
        if error.fatal() or error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise KafkaUnavailable(f"group {self._group_id} cannot read: {error.str()}")
        _log.warning("Group %s: %s", self._group_id, error.str())


def into_loop(loop: asyncio.AbstractEventLoop, put: Callable[[Batch], Awaitable[object]]) -> Deliver:
    """A `deliver` that awaits `put(batch)` on `loop`, for a Faust channel (`channel.put`) or an asyncio queue.

    It does not wait: `in_flight` bounds how many batches are out. A batch that cannot be put counts as failed.
    """

    async def handed(batch: Batch) -> None:
        await put(batch)

    def deliver(batch: Batch) -> None:
        handing = handed(batch)
        try:
            future = asyncio.run_coroutine_threadsafe(handing, loop)
        except RuntimeError:
            handing.close()
            batch.failed()
            return
        future.add_done_callback(partial(_give_back, batch))

    return deliver


def _give_back(batch: Batch, future: Future[Any]) -> None:
    if future.cancelled() or future.exception() is not None:
        batch.failed()


def _places(partitions: list[TopicPartition]) -> set[Place]:
    return {(partition.topic, partition.partition) for partition in partitions}
