"""Whether everything that came in is done, and a wait until it is: for tests, for demos, before an upgrade."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition

from pipeline.errors import PipelineError
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import LedgerRow, LedgerState
from pipeline.schemas.topics import Topics

Ends = Mapping[str, Mapping[int, int]]

AGENTS = "agents"
SINKS = "sinks"
"""The consumer groups, after the prefix."""

_LOOK_EVERY = 0.2
_CALL_SECONDS = 10.0


class NotSettled(PipelineError):
    """Work was left when the time was over; `progress` says what."""

    def __init__(self, progress: Progress, timeout: float) -> None:
        super().__init__(f"not everything was done within {timeout:g} s: {progress}")
        self.progress = progress


@dataclass(frozen=True, slots=True)
class Progress:
    """What is left: records that no agent has decided, commands that no sink has taken up, open ledger rows by state.

    `moved`: something was written while we looked, so that the numbers do not belong to one moment.
    """

    undecided: int = 0
    waiting: int = 0
    open: Mapping[str, int] = field(default_factory=dict)
    moved: bool = False

    def settled(self, *, parked: bool = False) -> bool:
        """`parked`: commands that wait for a mapping count as done."""
        left = sum(count for state, count in self.open.items() if not (parked and state == LedgerState.PARKED))
        return not (self.undecided or self.waiting or left or self.moved)

    def __str__(self) -> str:
        opened = ", ".join(f"{count} {state}" for state, count in sorted(self.open.items())) or "none"
        return f"{self.undecided} records to decide, {self.waiting} commands to take up, open commands: {opened}"


@dataclass(frozen=True, slots=True)
class Watchman:
    """Looks at the groups' offsets, the topics' ends and the ledger. Writes nothing."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    def look(self) -> Progress:
        """One look. It reads the whole ledger: not for hot paths."""
        watched = (*self.topics.decided(), *self.topics.carried_out(), self.topics.ledger)
        before = ends_of(self.access, watched)
        undecided = self._left(AGENTS, self.topics.decided(), before)
        waiting = self._left(SINKS, self.topics.carried_out(), before)
        opened = self._open()
        return Progress(undecided, waiting, opened, moved=before != ends_of(self.access, watched))

    def settled(
        self, *, timeout: float = 60.0, parked: bool = False, on_look: Callable[[Progress], None] = lambda _: None
    ) -> Progress:
        """Returns once all is done. Raises `NotSettled` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            progress = self.look()
            on_look(progress)
            if progress.settled(parked=parked):
                return progress
            if time.monotonic() >= deadline:
                raise NotSettled(progress, timeout)
            time.sleep(_LOOK_EVERY)

    def _left(self, group: str, topics: Sequence[str], ends: Ends) -> int:
        """Records after the committed offsets. Counted, not subtracted: transaction markers have offsets too."""
        committed = self._committed(self.topics.prefix + group)
        left = 0
        for topic in topics:
            start = {
                partition: committed.get((topic, partition), 0)
                for partition, end in ends[topic].items()
                if committed.get((topic, partition), 0) < end
            }
            if start:
                asked = Scan(topic, starts=start, ends=ends[topic])
                left += sum(1 for _ in scan(self.access, asked))
        return left

    def _committed(self, group: str) -> dict[tuple[str, int], int]:
        admin = self.access.admin()
        future = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=_CALL_SECONDS
        )[group]
        try:
            places: list[TopicPartition] = future.result().topic_partitions or []
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise KafkaUnavailable(f"group {group}: {error.args[0].str()}") from None
        return {(place.topic, place.partition): place.offset for place in places if place.offset >= 0}

    def _open(self) -> dict[str, int]:
        rows = {row.key(): row.value() for row in scan(self.access, Scan(self.topics.ledger))}
        states = Counter(str(self.codec.decode(LedgerRow, value).state) for value in rows.values() if value)
        return dict(states)
