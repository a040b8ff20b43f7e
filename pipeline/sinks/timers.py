"""What is to be looked at again at a time. An entry that went on meanwhile is forgotten: its `due` is another one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from pipeline.sinks.entry import Entry


class Timers:
    """Times are POSIX seconds. An entry waits for one time at most: its `due`, 0.0 for none."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Entry]] = []
        self._sequence = itertools.count()

    def set(self, entry: Entry, due: float) -> None:
        entry.due = due
        heapq.heappush(self._heap, (due, next(self._sequence), entry))

    def due(self, now: float) -> Iterator[Entry]:
        """Those whose time has come, the earliest first."""
        while self._heap and self._heap[0][0] <= now:
            due, _, entry = heapq.heappop(self._heap)
            if not entry.ended and entry.due == due:
                entry.due = 0.0
                yield entry
