"""Reads again what was passed over, a little at a time, so that the worker's turn stays short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from pipeline.errors import Retry
from pipeline.kafka.clients import KafkaAccess
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.behind import FULL, Line
from pipeline.sinks.partition import Partition

CHUNK = 500
_BOUNDED = {"queued.max.messages.kbytes": 2048}


@dataclass(slots=True)
class _Pass:
    """One way through a topic partition, for all lines that can be fed from it."""

    part: Partition
    topic: str
    lines: list[Line]
    end: int


class Rereader:
    """For one thread. Its consumer belongs to no group and is made when it is first needed."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._consumer: Consumer | None = None
        self._pass: _Pass | None = None
        self._last: Line | None = None

    @property
    def busy(self) -> bool:
        return self._pass is not None

    def turn(self, partitions: Iterable[Partition]) -> None:
        """Go on with the way it is on, or begin the next one. Never waits."""
        if self._pass is None:
            found = sorted(_hungry(partitions), key=self._turn_of)
            if not found:
                return
            self._pass = found[0]
            self._last = self._pass.lines[0]
            start = min(line.read_to for line in self._pass.lines)
            self._reader().assign([TopicPartition(self._pass.topic, self._pass.part.index, start)])
        try:
            for message in self._reader().consume(CHUNK, 0):
                self._take(self._pass, message)
        except Retry:  # the schema registry is away: again from where each line is
            self._stop()
            return
        if not any(line.hungry(self._pass.end) for line in self._pass.lines):
            self._stop()

    def forget(self, indexes: set[int]) -> None:
        """These partitions are no more ours."""
        if self._pass is not None and self._pass.part.index in indexes:
            self._stop()

    def close(self) -> None:
        self._pass = None
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _turn_of(self, way: _Pass) -> tuple[bool, int]:
        """The emptiest first, but nobody twice in a row while others wait."""
        return way.lines[0] is self._last, len(way.lines[0].buffer)

    def _reader(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._access.reader(_BOUNDED)
        return self._consumer

    def _stop(self) -> None:
        self._pass = None
        self._reader().unassign()

    def _take(self, way: _Pass, message: Message) -> None:
        error, offset = message.error(), message.offset()
        if offset is None or (message.topic(), message.partition()) != (way.topic, way.part.index):
            return
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # nothing is left before `end`, whatever there was
                for line in way.lines:
                    line.read_to = max(line.read_to, min(offset, way.end))
            return
        for line in list(way.lines):
            if offset < line.read_to:
                continue
            if offset >= way.end:
                line.read_to = way.end
            elif len(line.buffer) >= FULL:
                way.lines.remove(line)  # it would miss this one: it is read again from here
            else:
                arrival = Arrival(message, way.topic, way.part.index, offset)
                if way.part.stands_in(line, arrival):
                    line.buffer.append(arrival)
                line.read_to = offset + 1


def _hungry(partitions: Iterable[Partition]) -> Iterator[_Pass]:
    """The ways that have to be gone, those of the most urgent lanes first within a partition."""
    for part in partitions:
        for line in part.lines:
            end = part.positions[line.topic]
            if line.hungry(end):
                beside = [each for each in part.lines if each.topic == line.topic and each.read_to >= line.read_to]
                yield _Pass(part, line.topic, [line, *(each for each in beside if each is not line)], end)
