"""A sink worker: one Kafka thread that owns all state, beside an event loop that only makes HTTP calls.

Each turn of the thread reads what came, gathers a tick, and commits it as one transaction with the offsets of every
partition it touches. The offsets are the fence (KIP-447): a worker that lost its partitions cannot commit, so it cannot
start a call nor publish a result.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping

import structlog
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from pipeline.apps.base import App
from pipeline.clock import Clock
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.control.store import ControlTail
from pipeline.failpoints import fail_point
from pipeline.flows.wanted import wanted
from pipeline.kafka.callbacks import rebalance_callback
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import TransactionAborted
from pipeline.kafka.partitioner import partition_of
from pipeline.kafka.transactions import transact
from pipeline.schemas.records import Connection
from pipeline.schemas.topics import Topics
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.calls import Caller, Lease
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.partition import BUFFERED, Partition
from pipeline.sinks.rereader import Rereader
from pipeline.sinks.restore import MappingTail, committed_positions, left_behind
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick
from pipeline.sinks.timing import Timing

log = structlog.get_logger(__name__)

GROUP = "sinks"
_LARGER = {"message.max.bytes": 4 * 1024 * 1024}
"""A ledger row and a dead letter hold a whole command and more."""
AT_ONCE = 2000
"""Messages taken in a turn at most."""
PARTITION_UA = -1
"""librdkafka's word for: the key decides the partition."""


class Worker:
    """Carries out the commands of the partitions it is given. `run` blocks its thread until `stop`."""

    def __init__(
        self,
        *,
        access: KafkaAccess,
        topics: Topics,
        shared: Shared,
        apps: Mapping[str, App],
        control: ControlTail,
        box: SecretBox,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        timing: Timing,
    ) -> None:
        self._access = access
        self._topics = topics
        self._shared = shared
        self._apps = apps
        self._control = control
        self._box = box
        self._clock = clock
        self._loop = loop
        self._timing = timing
        self.stopping = threading.Event()
        self._done: deque[Outcome] = deque()
        self._lease = Lease(timing.lease)
        self._caller = Caller(box, self._lease, self._done.append, clock.now)
        self._eager = access.options.get("group.protocol") == "classic"
        self._mappings = MappingTail(access, topics, shared.mappings)
        self._rereader = Rereader(access)
        self._partitions: dict[int, Partition] = {}
        self._assigned: dict[int, set[str]] = {}
        self._paused: set[tuple[str, int]] = set()
        self._read = topics.carried_out()
        self._pending: Tick | None = None
        self._revision = -1
        self._refreshed = 0.0

    def stop(self) -> None:
        """Finish what is in flight, commit it, and leave the group. Returns at once; safe from any thread."""
        self.stopping.set()

    def run(self) -> None:
        """The Kafka thread. Raises `ProducerUnusable`, `KafkaUnavailable` and `RestoreStalled`: run it again.

        Whatever it raises, what was committed stays in the log, and the next run goes on from there.
        """
        prefix = self._topics.prefix
        self._consumer: Consumer = self._access.consumer(f"{prefix}{GROUP}", self._membership())
        try:
            self._producer = self._access.transactional_producer(f"{prefix}{GROUP}-{uuid.uuid4()}", overrides=_LARGER)
            self._mappings.catch_up()
            self._consumer.subscribe(
                list(self._read),
                on_assign=rebalance_callback(self._on_assign),
                on_revoke=rebalance_callback(self._on_revoke),
                on_lost=rebalance_callback(self._on_lost),
            )
            log.info("sink worker started", topics=len(self._read))
            while not self.stopping.is_set():
                self._receive(self._poll_seconds())
                self._follow()
                self._rereader.turn(self._partitions.values())
                self._turn()
            self._hand_over(set(self._partitions))
        finally:
            self._end()

    def _membership(self) -> dict[str, int]:
        """Session times of a classic group, whose members bring them; else they are the group's own on the broker."""
        times = {"session.timeout.ms": self._timing.session, "heartbeat.interval.ms": self._timing.heartbeat}
        return {name: int(seconds * 1000) for name, seconds in times.items()} if self._eager else {}

    def _end(self) -> None:
        """Whatever ended the run, nothing of it stays in memory: the next one goes on from the log."""
        self._drop(set(self._partitions))
        self._pending = None
        self._shared.mappings.forget()
        self._assigned.clear()
        self._paused.clear()
        try:
            self._consumer.close()
        finally:
            self._mappings.close()
            self._rereader.close()
            asyncio.run_coroutine_threadsafe(self._caller.close(), self._loop).result(30)

    # --- reading ------------------------------------------------------------------------------------------------

    def _poll_seconds(self) -> float:
        busy = self._done or self._rereader.busy or any(part.calling for part in self._partitions.values())
        return self._timing.busy_poll if busy else self._timing.idle_poll

    def _receive(self, seconds: float) -> None:
        first = self._consumer.poll(seconds)
        if first is None:
            return
        self._route(first)  # before more is asked for: that may take its partition away, and give it anew
        for message in self._consumer.consume(AT_ONCE, 0):
            self._route(message)
        for index, part in self._partitions.items():
            for topic, buffer in part.buffers.items():
                if len(buffer) >= BUFFERED and (topic, index) not in self._paused:
                    self._paused.add((topic, index))
                    self._consumer.pause([TopicPartition(topic, index)])

    def _route(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            log.warning("consumer error", error=error.str())
            return
        topic, index, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert index is not None
        assert offset is not None
        part = self._partitions.get(index)
        if part is not None and not part.closing:
            part.buffers[topic].append(Arrival(message, topic, index, offset))

    def _resume(self) -> None:
        for topic, index in list(self._paused):
            part = self._partitions.get(index)
            if part is None:
                self._paused.discard((topic, index))
            elif len(part.buffers[topic]) < BUFFERED // 2:
                self._paused.discard((topic, index))
                with contextlib.suppress(KafkaException):  # taken away since
                    self._consumer.resume([TopicPartition(topic, index)])

    def _follow(self) -> None:
        """Changes of `control`, and mappings that other workers wrote."""
        snapshot = self._control.snapshot
        now = self._clock.now()
        if snapshot.revision != self._revision:
            self._revision = snapshot.revision
            for part in self._partitions.values():
                self._configure(part, snapshot, now)
        if time.monotonic() >= self._refreshed + self._timing.mappings:
            self._refreshed = time.monotonic()
            landed = self._mappings.poll()
            if landed:
                for part in self._partitions.values():
                    part.release(landed)

    def _configure(self, part: Partition, snapshot: ControlSnapshot, now: float) -> None:
        keyed = sum(partition_of(id_.encode(), self._topics.partitions) == part.index for id_ in snapshot.connections)
        asked = wanted(snapshot.links.values(), snapshot.flows)
        part.configure(snapshot.connections, asked, crowded=keyed > 1, now=now)

    # --- one turn -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        tick = Tick(self._clock.now())
        self._settle(tick)
        for part in self._partitions.values():
            if not part.closing:
                part.advance(tick)
        if not tick and self._lease_is_due():
            tick.touched.update(index for index, part in self._partitions.items() if part.calling)
        if tick:
            self._commit(tick)
        self._resume()

    def _settle(self, tick: Tick, indexes: set[int] | None = None) -> None:
        """Take in what calls gave: of all partitions, or of some, leaving the rest for the next turn."""
        for _ in range(len(self._done)):
            outcome = self._done.popleft()
            owner = outcome.start.owner
            if indexes is not None and owner.index not in indexes:
                self._done.append(outcome)
                continue
            part = self._partitions.get(owner.index)
            if part is not None and part.owners.get(owner.state.id) is owner:
                owner.settle(outcome, tick)

    def _lease_is_due(self) -> bool:
        return self._lease.remaining < self._timing.lease / 2 and any(
            part.calling for part in self._partitions.values()
        )

    def _commit(self, tick: Tick) -> None:
        """Until it is committed, or nothing of it is ours any more. Told to stop, it leaves it to the hand-over."""
        self._pending = tick
        while tick:
            began = time.monotonic()
            try:
                self._transact(tick)
            except TransactionAborted as error:
                log.warning("transaction failed, going on with what is still ours", reason=str(error))
            except RuntimeError as error:  # confluent-kafka: no group metadata while the group is rebalancing
                log.warning("no group metadata", reason=str(error))
            else:
                self._lease.renew(began)
                self._committed(tick)
                break
            if self.stopping.is_set():
                return
            self._receive(0.1)
        self._pending = None

    def _committed(self, tick: Tick) -> None:
        self._loop.call_soon_threadsafe(self._caller.start, tick.starts)
        for part in self._partitions.values():
            part.release(tick.mapped)

    def _transact(self, tick: Tick) -> None:
        """Raises `TransactionAborted`, `ProducerUnusable`, or RuntimeError while the group has no metadata for us."""

        def produce(producer: Producer) -> None:
            _reached(tick, "gathered")
            for out in tick.outs:
                partition = PARTITION_UA if out.partition is None else out.partition
                while True:
                    try:
                        producer.produce(out.topic, out.value, out.key, partition)
                        break
                    except BufferError:
                        producer.poll(0.05)

        group = self._consumer.consumer_group_metadata()
        transact(self._producer, produce, self._offsets(tick), group, before_commit=lambda: _reached(tick, "produced"))
        _reached(tick, "committed")

    def _offsets(self, tick: Tick) -> list[TopicPartition]:
        """Of all command topics for every index touched, also where they did not move: they are the fence."""
        return [
            TopicPartition(topic, index, offset)
            for index in tick.touched
            for topic, offset in self._partitions[index].positions.items()
        ]

    # --- the group ----------------------------------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._assigned.setdefault(each.partition, set()).add(each.topic)
        ready = [index for index, topics in self._assigned.items() if topics == set(self._read)]
        fresh = sorted(set(ready) - set(self._partitions))
        start: list[TopicPartition] = []
        began = time.monotonic()
        committed = committed_positions(consumer, self._read, fresh)
        left = left_behind(self._access, self._topics, self._shared.codec, fresh, self._clock.now())
        self._mappings.catch_up()
        for part in self._partitions.values():
            part.release_mapped()
        snapshot = self._control.snapshot
        for index in fresh:
            part = Partition(index, self._read, committed[index], self._shared, self._make_state)
            self._configure(part, snapshot, self._clock.now())
            part.restore(left.states[index], left.entries[index], self._clock.now())
            self._partitions[index] = part
            start.extend(TopicPartition(topic, index, offset) for topic, offset in part.positions.items())
        fail_point("sinks.partition.restored")
        if self._eager:
            consumer.assign(start)
        else:
            consumer.incremental_assign(start)
        log.info("partitions taken over", partitions=fresh, seconds=round(time.monotonic() - began, 3))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        indexes = {each.partition for each in partitions}
        self._hand_over(indexes & set(self._partitions))
        self._let_go(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost", partitions=sorted({each.partition for each in partitions}))
        self._drop({each.partition for each in partitions})
        self._let_go(consumer, partitions)

    def _let_go(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._assigned.get(each.partition, set()).discard(each.topic)
        with contextlib.suppress(KafkaException):
            if self._eager:
                consumer.unassign()
            else:
                consumer.incremental_unassign(partitions)

    def _hand_over(self, indexes: set[int]) -> None:
        """Drain: no new call, those in flight end (within the limit), one last transaction, then let go."""
        parts = [self._partitions[index] for index in indexes]
        if not parts:
            return
        for part in parts:
            part.close()
        deadline = time.monotonic() + self._timing.drain
        tick = self._pending or Tick(self._clock.now())
        tick.recall(indexes)
        while any(part.calling for part in parts) and time.monotonic() < deadline:
            self._settle(tick, indexes)
            time.sleep(self._timing.busy_poll)
        self._settle(tick, indexes)
        for part in parts:
            part.advance(tick)
        if tick:
            self._commit_last(tick, indexes)
        fail_point("sinks.partition.drained")
        self._drop(indexes)

    def _commit_last(self, tick: Tick, indexes: set[int]) -> None:
        """During a hand-over nothing can be retried: what does not commit is done again by the successor.

        A tick that was pending goes along: its offsets are part of the positions that are handed over.
        """
        try:
            self._transact(tick)
        except (TransactionAborted, RuntimeError) as error:
            log.warning("the last transaction failed; the next owner goes on from before it", reason=str(error))
            tick.drop(indexes)
        else:
            self._committed(tick)
            tick.clear()

    def _drop(self, indexes: set[int]) -> None:
        owners: set[Owner] = set()
        self._rereader.forget(indexes)
        if self._pending is not None:
            self._pending.drop(indexes)
        for index in indexes:
            part = self._partitions.pop(index, None)
            if part is not None:
                part.close()
                owners.update(part.owners.values())
        if owners:
            self._loop.call_soon_threadsafe(self._caller.cancel, frozenset(owners))
            asyncio.run_coroutine_threadsafe(self._caller.forget(frozenset(owners)), self._loop)

    def _make_state(self, connection: Connection) -> tuple[App, OwnerState]:
        app = self._apps[connection.app]
        return app, OwnerState(connection, app, self._box, self._clock.now)


def _reached(tick: Tick, what: str) -> None:
    """A transaction's intents, results and mappings are ``gathered``, ``produced`` or ``committed``."""
    if tick.starts:
        fail_point(f"sinks.intent.{what}")
    if tick.ended:
        fail_point(f"sinks.result.{what}")
    if tick.mapped:
        fail_point(f"sinks.mapping.{what}")
