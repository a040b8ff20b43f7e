"""Batches from a real group: each record once in the output, in order, whatever happens in between."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from confluent_kafka import Producer, TopicPartition

from pipeline.kafka.admin import create_topics, set_group_timeouts
from pipeline.kafka.batch import Batch, InWork
from pipeline.kafka.batches import BatchConsumer, into_loop
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import read_to_end
from pipeline.kafka.errors import ProducerUnusable, StaleBatch, TransactionAborted
from pipeline.kafka.transactions import transact
from pipeline.schemas.topics import TopicSpec

PARTITIONS = 4
LONG = 60.0


class Worker:
    """Forwards each record of `source` to the same partition of `target`, one transaction a batch.

    `before` runs in front of each batch, on the worker's thread, and may block it or raise.
    """

    def __init__(
        self,
        access: KafkaAccess,
        prefix: str,
        name: str,
        *,
        before: Callable[[Batch], object] = lambda _: None,
        in_flight: int = 2,
    ) -> None:
        self.target = prefix + "target"
        self.committed = 0
        self.aborted: list[str] = []
        self.assigned: list[tuple[str, int]] = []
        self.lost: list[int] = []
        self._before = before
        self._progress = threading.Condition()
        self._producer = access.transactional_producer(prefix + name)
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work)
        self.consumer = BatchConsumer(
            access,
            prefix + "group",
            [prefix + "source"],
            deliver=self._batches.put,
            on_assign=lambda places: self._note("assigned", places),
            on_revoke=lambda places: self._note("revoked", places),
            on_lost=lambda places: self._note("lost", places),
            batch_size=20,
            in_flight=in_flight,
            drain_limit=LONG,
        )
        self._thread.start()
        self.consumer.start()

    def _note(self, what: str, places: list[TopicPartition]) -> None:
        with self._progress:
            self.assigned += [(what, place.partition) for place in places]
            self._progress.notify_all()

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._before(batch)
                transact(
                    self._producer,
                    lambda producer, batch=batch: self._forward(producer, batch),  # type: ignore[misc]
                    batch.offsets,
                    batch.group_metadata,
                    before_commit=batch.await_turn,
                )
            except (StaleBatch, TransactionAborted, ProducerUnusable, ValueError) as error:
                self._count(type(error).__name__)
                batch.failed()
            else:
                self._count(len(batch.messages))
                batch.done()

    def _forward(self, producer: Producer, batch: Batch) -> None:
        for message in batch.messages:
            producer.produce(self.target, value=message.value(), partition=message.partition() or 0)
        batch.evaluated()

    def _count(self, outcome: int | str) -> None:
        with self._progress:
            if isinstance(outcome, int):
                self.committed += outcome
            else:
                self.aborted.append(outcome)
            self._progress.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._progress:
            assert self._progress.wait_for(condition, LONG), f"{self.committed} committed, {self.aborted}"

    def stop(self) -> None:
        self.consumer.stop()
        self._batches.put(None)
        self._thread.join(LONG)
        assert self.consumer.failure is None


@pytest.fixture
def prefix(kafka: KafkaAccess, topic_prefix: str) -> str:
    specs = [TopicSpec(topic_prefix + name, PARTITIONS) for name in ("source", "target")]
    create_topics(kafka, specs, 1)
    set_group_timeouts(kafka, topic_prefix + "group", 6000, 100)
    return topic_prefix


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """Stopped at the end, whatever became of the test."""
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.stop()


def feed(kafka: KafkaAccess, prefix: str, numbers: range) -> None:
    producer = kafka.producer()
    for number in numbers:
        producer.produce(prefix + "source", value=b"%d" % number, partition=number % PARTITIONS)
    assert producer.flush(30) == 0


def forwarded(kafka: KafkaAccess, prefix: str) -> list[list[int]]:
    """The committed output by partition."""
    found: list[list[int]] = [[] for _ in range(PARTITIONS)]
    for batch in read_to_end(kafka, prefix + "target"):
        for row in batch:
            found[row.partition() or 0].append(int(row.value() or b""))
    return found


def each_once_in_order(numbers: range) -> list[list[int]]:
    return [[number for number in numbers if number % PARTITIONS == p] for p in range(PARTITIONS)]


def test_each_record_goes_through_once_while_members_come_and_go(
    kafka: KafkaAccess, prefix: str, workers: list[Worker]
) -> None:
    numbers = range(2400)
    feed(kafka, prefix, numbers[:800])
    first = Worker(kafka, prefix, "first")
    workers.append(first)
    first.wait_for(lambda: first.committed >= 100)
    second = Worker(kafka, prefix, "second")
    workers.append(second)
    second.wait_for(lambda: ("assigned", 0) in second.assigned or len(second.assigned) >= 2)
    feed(kafka, prefix, numbers[800:1600])
    second.wait_for(lambda: second.committed >= 50)

    first.stop()
    feed(kafka, prefix, numbers[1600:])
    second.wait_for(lambda: first.committed + second.committed >= len(numbers))

    assert forwarded(kafka, prefix) == each_once_in_order(numbers)
    assert first.committed + second.committed == len(numbers)
    assert any(what == "revoked" for what, _ in first.assigned)


def test_a_batch_that_fails_comes_again_and_what_was_fetched_behind_it_too(
    kafka: KafkaAccess, prefix: str, workers: list[Worker]
) -> None:
    numbers = range(600)
    feed(kafka, prefix, numbers)

    def fail_often(batch: Batch) -> None:
        if batch.number in {1, 4, 5, 9}:
            raise ValueError("not this time")

    worker = Worker(kafka, prefix, "only", before=fail_often)
    workers.append(worker)
    worker.wait_for(lambda: worker.committed >= len(numbers))

    assert forwarded(kafka, prefix) == each_once_in_order(numbers)
    assert worker.aborted.count("ValueError") == 4


def test_a_member_that_was_shut_out_in_the_middle_of_a_batch_cannot_commit_it(
    kafka: KafkaAccess, prefix: str, workers: list[Worker]
) -> None:
    """The group gives its partitions away because it did not poll for too long; then it wakes up."""
    numbers = range(400)
    feed(kafka, prefix, numbers)
    wakes = threading.Event()
    impatient = replace(kafka, options={**kafka.options, "max.poll.interval.ms": "1000"})
    zombie = Worker(impatient, prefix, "zombie", before=lambda _: wakes.wait(LONG), in_flight=1)
    workers.append(zombie)
    zombie.wait_for(lambda: len(zombie.assigned) >= PARTITIONS)
    other = Worker(kafka, prefix, "other")
    workers.append(other)
    other.wait_for(lambda: other.committed >= len(numbers))

    wakes.set()
    zombie.wait_for(lambda: bool(zombie.aborted) and any(what == "lost" for what, _ in zombie.assigned))

    assert zombie.committed == 0
    assert forwarded(kafka, prefix) == each_once_in_order(numbers)


def test_state_is_restored_before_the_first_record_of_a_partition(
    kafka: KafkaAccess, prefix: str, workers: list[Worker]
) -> None:
    feed(kafka, prefix, range(40))
    seen: list[bool] = []

    def look(batch: Batch) -> None:
        assigned = {partition for what, partition in worker.assigned if what == "assigned"}
        seen.append({partition for _, partition in batch.places} <= assigned)

    worker = Worker(kafka, prefix, "only", before=look)
    workers.append(worker)
    worker.wait_for(lambda: worker.committed >= 40)

    assert seen
    assert all(seen)


def test_no_more_batches_are_out_than_allowed_and_the_next_comes_when_they_are_evaluated(
    kafka: KafkaAccess, prefix: str
) -> None:
    feed(kafka, prefix, range(400))
    out: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    consumer = BatchConsumer(
        kafka, prefix + "group", [prefix + "source"], deliver=out.put, batch_size=10, in_flight=2, drain_limit=0.1
    )
    consumer.start()
    first = out.get(timeout=LONG)
    with pytest.raises(queue.Empty):
        out.get(timeout=0.5)
    first.evaluated()
    second = out.get(timeout=LONG)
    second.evaluated()
    with pytest.raises(queue.Empty):
        out.get(timeout=0.5)
    first.done()

    assert out.get(timeout=LONG).number == second.number + 1
    consumer.stop()
    assert second.stale


async def test_batches_reach_an_event_loop_in_order() -> None:
    in_work = InWork()
    received: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
    deliver = into_loop(asyncio.get_running_loop(), received.put)
    batches = [Batch(number, [], [], None, in_work) for number in (1, 2)]

    for batch in batches:
        await asyncio.to_thread(deliver, batch)

    assert [(await received.get()).number for _ in batches] == [1, 2]


async def test_a_batch_that_nobody_takes_counts_as_failed() -> None:
    in_work = InWork()
    failed = asyncio.Event()

    async def refuse(_: Batch) -> None:
        failed.set()
        raise RuntimeError("no agent reads")

    batch = Batch(1, [], [TopicPartition("t", 0, 1)], None, in_work)
    in_work.add(batch)
    into_loop(asyncio.get_running_loop(), refuse)(batch)
    await failed.wait()

    assert await asyncio.to_thread(in_work.wait_for_room, 1, LONG)
    assert in_work.rewind_needed


def test_a_loop_that_is_closed_gives_the_batch_back() -> None:
    in_work = InWork()
    loop = asyncio.new_event_loop()
    queue_: asyncio.Queue[Batch] = asyncio.Queue()
    deliver = into_loop(loop, queue_.put)
    loop.close()

    deliver(Batch(1, [], [], None, in_work))

    assert in_work.rewind_needed
