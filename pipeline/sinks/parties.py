"""The open commands of each party, first in, first out, and which of them may start now, the most urgent lane first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from pipeline.schemas.records import Lane
from pipeline.sinks.entry import Entry

LANES = tuple(Lane)
_RANK = {lane: rank for rank, lane in enumerate(LANES)}


class Parties:
    """Queues by party. Of a party one entry at a time is ready, so at most one command is open to a call.

    A command behind a less urgent one lifts the ready one of its party into its own lane: it must not wait for all
    other commands of that lane.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Entry]] = {}
        self._behind: dict[str, Counter[Lane]] = {}
        self._lanes: dict[Lane, deque[Entry]] = {lane: deque() for lane in LANES}
        self._ready: Counter[Lane] = Counter()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def ready(self, lane: Lane) -> int:
        """How many may start in `lane` or a more urgent one."""
        return sum(self._ready[each] for each in LANES[: _RANK[lane] + 1])

    def head(self, party: str) -> Entry | None:
        queue = self._queues.get(party)
        return queue[0] if queue else None

    def queue(self, party: str) -> Iterator[Entry]:
        return iter(self._queues.get(party, ()))

    def add(self, entry: Entry) -> bool:
        """Queue `entry`; True when it is the head of its party."""
        party = entry.command.party
        queue = self._queues.setdefault(party, deque())
        queue.append(entry)
        self._size += 1
        self._behind.setdefault(party, Counter())[entry.lane] += 1
        if len(queue) > 1 and queue[0].ready_in is not None:
            self._lift(queue[0], entry.lane)
        return len(queue) == 1

    def make_ready(self, entry: Entry) -> None:
        """`entry` may start. It is the caller's affair that nothing of its party is open to a call."""
        if entry.ready_in is None:
            waiting = self._behind[entry.command.party]
            self._place(entry, next(lane for lane in LANES if waiting[lane]))

    def lift(self, entry: Entry, lane: Lane) -> None:
        """From now on `entry` counts as one of `lane`, where that is more urgent than its own."""
        if _RANK[lane] >= _RANK[entry.lane]:
            return
        waiting = self._behind[entry.command.party]
        waiting[entry.lane] -= 1
        entry.lane = lane
        waiting[lane] += 1
        head = self._queues[entry.command.party][0]
        for each in {entry, head}:
            if each.ready_in is not None:
                self._lift(each, lane)

    def less_urgent(self) -> Iterator[Entry]:
        """Those that may start, of the lanes that leave some calls to others."""
        for lane in LANES:
            if not lane.urgent:
                yield from [entry for entry in self._lanes[lane] if entry.ready_in is lane]

    def next(self, lane: Lane) -> Entry | None:
        """The first ready entry of a lane, left in place."""
        queue = self._lanes[lane]
        while queue and queue[0].ready_in is not lane:
            queue.popleft()
        return queue[0] if queue else None

    def hold(self, entry: Entry) -> None:
        """`entry` is not ready any more: it starts, waits or ends."""
        if entry.ready_in is not None:
            self._ready[entry.ready_in] -= 1
            entry.ready_in = None

    def remove(self, entry: Entry) -> None:
        """Take an ended entry out."""
        self.hold(entry)
        party = entry.command.party
        queue = self._queues[party]
        queue.remove(entry)
        self._size -= 1
        self._behind[party][entry.lane] -= 1
        if not queue:
            del self._queues[party], self._behind[party]

    def entries(self) -> Iterator[Entry]:
        for queue in self._queues.values():
            yield from queue

    def _lift(self, entry: Entry, lane: Lane) -> None:
        assert entry.ready_in is not None
        if _RANK[lane] < _RANK[entry.ready_in]:
            self._ready[entry.ready_in] -= 1
            self._place(entry, lane)

    def _place(self, entry: Entry, lane: Lane) -> None:
        entry.ready_in = lane
        self._ready[lane] += 1
        self._lanes[lane].append(entry)
