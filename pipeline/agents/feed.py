"""From the consumer's thread to a Faust channel and back: batches in, a clean end out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, cast

import faust
from confluent_kafka import TopicPartition
from faust.channels import Channel
from mode import Service
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from pipeline.agents.evaluate import Evaluator
from pipeline.agents.work import Work
from pipeline.kafka.batch import Batch, Place
from pipeline.kafka.batches import BatchConsumer, into_loop
from pipeline.kafka.clients import KafkaAccess

IN_FLIGHT = 2
"""Batches out at a time: one that is committed, and one that is fetched meanwhile and evaluated next."""


class BatchChannel(Channel[Batch]):
    """A channel for batches, with a queue of its own.

    The queues that Faust makes are emptied at each rebalance of Faust's own consumer, with which batches have
    nothing to do: one that vanished would never be settled. There is room for all that are out, so that `put` never
    waits and batches keep their order.
    """

    def __init__(self, app: faust.App, **options: Any) -> None:
        super().__init__(app, **{**options, "maxsize": IN_FLIGHT})

    @property
    def queue(self) -> ThrowableQueue[Any]:
        if self._queue is None:
            self._queue = ThrowableQueue(maxsize=IN_FLIGHT, flow_control=FlowControlEvent(initially_suspended=False))
        return self._queue


class Feed(Service):
    """Runs the batch consumer while the app runs. To be started after the agents: a channel without a reader drops.

    On a rebalance the evaluator restores the memory of partitions that come and drops that of those that go, on the
    consumer's thread. Stopping waits until the batches in work have settled.
    """

    def __init__(
        self,
        channel: BatchChannel,
        evaluator: Evaluator,
        work: Work,
        access: KafkaAccess,
        *,
        group: str,
        topics: Sequence[str],
        batch_size: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._channel = channel
        self._evaluator = evaluator
        self._work = work
        self._access = access
        self._group = group
        self._topics = topics
        self._batch_size = batch_size
        self._owned: set[Place] = set()
        self._consumer: BatchConsumer | None = None

    async def on_start(self) -> None:
        await self._work.open()
        loop = asyncio.get_running_loop()

        def ended(reason: BaseException) -> None:
            asyncio.run_coroutine_threadsafe(self.crash(reason), loop)

        self._consumer = BatchConsumer(
            self._access,
            self._group,
            self._topics,
            deliver=into_loop(loop, self._put),
            on_assign=self._assigned,
            on_revoke=self._gone,
            on_lost=self._gone,
            on_failure=ended,
            batch_size=self._batch_size,
            in_flight=IN_FLIGHT,
        )
        self._consumer.start()

    async def on_stop(self) -> None:
        if self._consumer is not None:
            await asyncio.to_thread(self._consumer.stop)
        await asyncio.to_thread(self._work.close)

    async def _put(self, batch: Batch) -> None:
        if not self._channel.subscriber_count:
            raise RuntimeError("no agent reads the batches")
        await self._channel.put(cast(Any, batch))

    def _assigned(self, partitions: Collection[TopicPartition]) -> None:
        come = {partition.partition for partition in partitions}
        self._owned |= {(partition.topic, partition.partition) for partition in partitions}
        self._evaluator.take_over(come)

    def _gone(self, partitions: Collection[TopicPartition]) -> None:
        self._owned -= {(partition.topic, partition.partition) for partition in partitions}
        kept = {number for _, number in self._owned}
        self._evaluator.let_go({partition.partition for partition in partitions} - kept)
