"""Taking over: the committed offsets first, then the ledger up to its high watermark, and the mappings as well.

`committed` waits while a predecessor's offsets are pending (`isolation.level=read_committed`, KIP-447), so whatever was
written together with them is in the log before its high watermark is asked for. A dead transaction may keep the last
stable offset below that watermark for a while: reading waits, it never goes on without (`kafka.compacted`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.clock import elapsed
from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader, read_to_end
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import ConnectionState, LedgerRow
from pipeline.schemas.topics import Topics
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.mappings import MappingTable

log = structlog.get_logger(__name__)

COMMITTED_SECONDS = 60.0
PAUSE_SECONDS = 0.05
STALL_SECONDS = 45.0
AWAY_SECONDS = 12 * 3600.0
"""Compaction drops tombstones a day after it met them (`delete.retention.ms`): who was away may have missed some."""

Row = TypeVar("Row")


def committed_positions(consumer: Consumer, topics: Sequence[str], indexes: Iterable[int]) -> dict[int, dict[str, int]]:
    """Next offsets by index and topic; the first one there is where none was committed. Raises `KafkaUnavailable`."""
    wanted = [TopicPartition(topic, index) for index in indexes for topic in topics]
    positions: dict[int, dict[str, int]] = {index: {} for index in indexes}
    deadline = time.monotonic() + COMMITTED_SECONDS
    while wanted:
        again = []
        try:
            found = consumer.committed(wanted, timeout=5)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError._TIMED_OUT:
                raise KafkaUnavailable(f"committed offsets cannot be read: {fault.args[0].str()}") from None
            found, again = [], wanted
        for each in found:
            if each.error is not None:
                again.append(TopicPartition(each.topic, each.partition))
            elif each.offset >= 0:
                positions[each.partition][each.topic] = each.offset
            else:
                low, _ = consumer.get_watermark_offsets(TopicPartition(each.topic, each.partition), timeout=5)
                positions[each.partition][each.topic] = low
        wanted = again
        if wanted:
            time.sleep(PAUSE_SECONDS)
        if wanted and time.monotonic() > deadline:
            raise KafkaUnavailable(
                f"committed offsets of {len(wanted)} partitions stayed pending for {COMMITTED_SECONDS:g} s"
            )
    return positions


@dataclass(frozen=True, slots=True)
class Left:
    """What predecessors wrote down, by index: the state of their connections, and their open commands."""

    states: Mapping[int, Sequence[ConnectionState]]
    entries: Mapping[int, Sequence[Entry]]


def left_behind(access: KafkaAccess, topics: Topics, codec: Codec, indexes: Sequence[int], now: float) -> Left:
    """Raises `RestoreStalled`. A row that cannot be read is logged; it stays in its topic, and shows as open."""
    states = _latest(access, topics.state, indexes, partial(codec.decode, ConnectionState))
    rows = _latest(access, topics.ledger, indexes, partial(codec.decode, LedgerRow))
    return Left(states, {index: [restored(row, now) for row in found] for index, found in rows.items()})


def _latest(
    access: KafkaAccess, topic: str, indexes: Sequence[int], decode: Callable[[bytes], Row]
) -> dict[int, list[Row]]:
    """The last row of each key, decoded."""
    last: dict[int, dict[bytes, bytes]] = {index: {} for index in indexes}
    for batch in read_to_end(access, topic, indexes) if indexes else ():
        for message in batch:
            rows, key, value = last[message.partition() or 0], message.key() or b"", message.value()
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    found: dict[int, list[Row]] = {index: [] for index in indexes}
    for index, rows in last.items():
        for key, value in rows.items():
            try:
                found[index].append(decode(value))
            except Undecodable as error:
                log.error(
                    "a row cannot be read and is left out", topic=topic, partition=index, key=key, code=error.code
                )
    return found


class MappingTail:
    """Keeps a `MappingTable` in step with `id.mappings`, whoever writes it. For one thread."""

    def __init__(
        self,
        access: KafkaAccess,
        topics: Topics,
        table: MappingTable,
        *,
        stall_limit: float = STALL_SECONDS,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        self._reader = CompactedReader(access, stall_limit=stall_limit)
        self._topic = topics.mappings
        self._table = table
        self._positions: dict[int, int] = {}
        self._elapsed = elapsed
        self._looked = elapsed()

    def catch_up(self) -> None:
        """Up to the high watermark of now, from where it stood. Raises `RestoreStalled`.

        The first time the whole topic is read, at once or not at all: what a reading that failed had loaded is dropped,
        so the next one begins at the start again. So does one that was away for too long.
        """
        if self._away():
            self._positions = {}
        with nullcontext() if self._positions else self._table.bulk():
            for batch in self._reader.restore(self._topic, start=self._positions):
                self._take(batch)
        self._positions = self._reader.restored
        self._looked = self._elapsed()

    def poll(self) -> list[str]:
        """Take in what came since; gives the keys of the rows that landed. Raises `RestoreStalled` after long sleep."""
        if self._away():
            raise RestoreStalled("this process was asleep for too long: the mappings are read from their start again")
        self._looked = self._elapsed()
        batch = self._reader.poll()
        self._positions |= {message.partition() or 0: (message.offset() or 0) + 1 for message in batch}
        return [key.decode(errors="replace") for key in self._take(batch)]

    def close(self) -> None:
        self._reader.close()

    def _away(self) -> bool:
        return self._elapsed() - self._looked > AWAY_SECONDS

    def _take(self, batch: Sequence[Message]) -> list[bytes]:
        """Load the rows; gives their keys."""
        keys, values = [message.key() or b"" for message in batch], [message.value() for message in batch]
        if batch and not self._table.load_all(keys, values):
            for key, value in zip(keys, values, strict=True):
                try:
                    self._table.load(key, value)
                except (ValueError, Undecodable) as error:
                    log.error("a mapping row cannot be read and is left out", key=key, error=str(error))
        return keys
