"""What a broker keeps, as far as the model needs it: the records of committed transactions, and committed offsets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Message

from pipeline.kafka.partitioner import partition_of
from pipeline.schemas.topics import Topics


class Log:
    """`journal` holds every record in the order in which it was committed."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.journal: list[Message] = []
        self.offsets: dict[str, dict[tuple[str, int], int]] = {"agents": {}, "sinks": {}}
        self._rows: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
        self._last: defaultdict[tuple[str, int], dict[bytes, bytes]] = defaultdict(dict)

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: Sequence[tuple[str, Any]] | None = None,
    ) -> None:
        index = partition_of(key or b"", self.topics.partitions) if partition < 0 else partition
        rows = self._rows[topic, index]
        parts: dict[str, Any] = {"headers": list(headers)} if headers else {}
        message = Message(topic=topic, partition=index, offset=len(rows), key=key, value=value, **parts)
        rows.append(message)
        self.journal.append(message)
        if value is None:
            self._last[topic, index].pop(key or b"", None)
        else:
            self._last[topic, index][key or b""] = value

    def commit(self, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
        self.offsets[group].update(offsets)

    def rows(self, topic: str, index: int, start: int = 0) -> Sequence[Message]:
        return self._rows[topic, index][start:]

    def next(self, group: str, topic: str, index: int) -> Sequence[Message]:
        """What the group has not passed yet."""
        return self.rows(topic, index, self.offsets[group].get((topic, index), 0))

    def last(self, topic: str, index: int) -> Iterable[tuple[bytes, bytes]]:
        """What compaction leaves: the last value of each key."""
        return self._last[topic, index].items()

    def value(self, topic: str, index: int, key: bytes) -> bytes | None:
        return self._last[topic, index].get(key)
