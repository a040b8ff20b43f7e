"""What one transaction of a worker carries, gathered before any of it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.apps.base import Call, Pair, Poll, Polling
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import MappingTable, Undo

if TYPE_CHECKING:
    from pipeline.sinks.owner import Owner


@dataclass(frozen=True, slots=True)
class Out:
    """One record to produce. `index` is the partition index of the owner that says it: dropped if that is lost."""

    index: int
    topic: str
    key: bytes
    value: bytes | None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Calls to hand to the event loop once their intent is committed: a command's, a poll's, or the start-up checks."""

    owner: Owner
    entry: Entry | None
    call: Call | None
    budget: int
    poll: tuple[Poll, Polling] | None = None


@dataclass(slots=True)
class Tick:
    """Gathered by the owners, sent by the worker. `touched` are the indexes whose offsets it must carry."""

    now: float
    outs: list[Out] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    mapped: set[str] = field(default_factory=set)
    ended: int = 0
    _undo: list[tuple[int, MappingTable, Undo]] = field(default_factory=list)

    def say(self, index: int, topic: str, key: bytes, value: bytes | None, partition: int | None = None) -> None:
        self.outs.append(Out(index, topic, key, value, partition))
        self.touched.add(index)

    def map(self, index: int, table: MappingTable, scope: str, pair: Pair) -> None:
        """Put a pair into memory now, so that what is planned next sees it; taken back if its owner is lost."""
        self._undo.append((index, table, table.put(scope, pair)))

    def drop(self, lost: set[int]) -> None:
        """Forget what owners said that are no more: their successors go on from the log."""
        self.outs = [out for out in self.outs if out.index not in lost]
        self.starts = [start for start in self.starts if start.owner.index not in lost]
        for _, table, undo in (each for each in reversed(self._undo) if each[0] in lost):
            table.undo(undo)
        self._undo = [each for each in self._undo if each[0] not in lost]
        self.touched -= lost

    def recall(self, indexes: set[int]) -> None:
        """Calls of partitions about to be handed over do not start: their intents become queued again."""
        recalled = [start for start in self.starts if start.owner.index in indexes]
        self.starts = [start for start in self.starts if start.owner.index not in indexes]
        for start in recalled:
            start.owner.recall(start)

    def clear(self) -> None:
        """It was committed by another hand."""
        self.outs, self.starts, self._undo = [], [], []
        self.touched.clear()

    def __bool__(self) -> bool:
        return bool(self.outs or self.starts or self.touched)
