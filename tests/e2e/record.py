"""What the topics hold, read as any consumer would: committed records only, nothing filtered, nothing made one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from pipeline.errors import Retry, Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, ConnectionState, DeadLetter, Decision, Result, Step
from pipeline.schemas.topics import Topics


class Record:
    """Keeps every record there is, in the order of each partition; `poll` takes in what came since."""

    def __init__(
        self, access: KafkaAccess, topics: Topics, codec: Codec, *, broken: tuple[type[Any], ...] = (Event,)
    ) -> None:
        self._codec = codec
        self.broken = set(broken)
        """The kinds that a test sends itself, and may send unreadable."""
        self.kinds: dict[str, type[Any]] = {
            topics.decisions: Decision,
            topics.results: Result,
            topics.steps: Step,
            topics.dead_letters: DeadLetter,
            topics.state: ConnectionState,
        }
        for app in topics.apps:
            self.kinds[topics.events(app)] = Event
            self.kinds |= dict.fromkeys((topics.commands(app), topics.commands(app, bulk=True)), Command)
        self._found: dict[type[Any], list[Any]] = {kind: [] for kind in self.kinds.values()}
        self.partitions: dict[type[Any], Counter[int]] = {kind: Counter() for kind in self.kinds.values()}
        """How many records of a kind there are, by partition number."""
        self.written: dict[type[Any], list[float]] = {kind: [] for kind in self.kinds.values()}
        """POSIX seconds at which their producer wrote the records of a kind, in the order in which they were read."""
        self.unreadable = 0
        self.seen_again = 0
        """Records that the reader went back to, as it may when a broker was away: they are on the topic once."""
        self._next: dict[tuple[str, int], int] = {}
        self._reader = access.reader()
        self._reader.assign(
            [
                TopicPartition(topic, index, OFFSET_BEGINNING)
                for topic in self.kinds
                for index in range(topics.partitions)
            ]
        )

    def poll(self, seconds: float = 0.1) -> int:
        """Gives how many records came."""
        came = 0
        for message in self._reader.consume(2000, seconds):
            value = message.value()
            if message.error() is not None or value is None:
                continue
            place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
            if offset < self._next.get(place, 0):
                self.seen_again += 1
                continue
            self._next[place] = offset + 1
            came += 1
            kind = self.kinds[message.topic() or ""]
            self.partitions[kind][message.partition() or 0] += 1
            try:
                self._found[kind].append(self._codec.decode(kind, value))
                self.written[kind].append(message.timestamp()[1] / 1000)
            except (Undecodable, Retry):
                assert kind in self.broken, f"a record of our own cannot be read: {message.topic()} {value[:200]!r}"
                self.unreadable += 1
        return came

    def close(self) -> None:
        self._reader.close()

    @property
    def events(self) -> list[Event]:
        return self._found[Event]

    @property
    def decisions(self) -> list[Decision]:
        return self._found[Decision]

    @property
    def commands(self) -> list[Command]:
        return self._found[Command]

    @property
    def steps(self) -> list[Step]:
        return self._found[Step]

    @property
    def results(self) -> list[Result]:
        return self._found[Result]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return self._found[DeadLetter]

    @property
    def states(self) -> dict[str, ConnectionState]:
        """The last row of each connection."""
        return {state.connection: state for state in self._found[ConnectionState]}

    def results_of(self, *events: str) -> list[Result]:
        """Of these event ids."""
        return [result for result in self.results if result.event_id in events]

    def summary(self) -> str:
        verdicts = Counter(decision.verdict.value for decision in self.decisions)
        statuses = Counter(result.status.value for result in self.results)
        causes = Counter(result.cause.message for result in self.results if result.cause)
        return (
            f"{len(self.events)} events, decisions {dict(verdicts)}, {len(self.commands)} commands, "
            f"{len(self.steps)} steps, results {dict(statuses)}, {len(self.dead_letters)} dead letters, "
            f"causes {causes.most_common(3)}, stopped {[s.stopped for s in self.states.values() if s.stopped]}"
        )


def counted(ids: Iterable[str]) -> dict[str, int]:
    """How often each id occurs, where that is not once."""
    return {id_: count for id_, count in Counter(ids).items() if count != 1}
