"""Order: the open commands of one party, first in, first out, and which of them may start now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pipeline.schemas.records import Lane
from pipeline.sinks.entry import Entry


class Parties:
    """Queues by party. Only the head of a queue is ever ready, so at most one command a party is open to a call.

    A live command behind a bulk one lifts the head into the live lane: it must not wait for all other bulk commands.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Entry]] = {}
        self._live: dict[str, int] = {}
        self._lanes: dict[Lane, deque[Entry]] = {Lane.LIVE: deque(), Lane.BULK: deque()}
        self._ready = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def ready(self) -> int:
        """How many heads may start."""
        return self._ready

    def head(self, party: str) -> Entry | None:
        queue = self._queues.get(party)
        return queue[0] if queue else None

    def queue(self, party: str) -> Iterator[Entry]:
        return iter(self._queues.get(party, ()))

    def add(self, entry: Entry) -> bool:
        """Queue `entry`; True when it is the head of its party."""
        queue = self._queues.setdefault(entry.command.party, deque())
        queue.append(entry)
        self._size += 1
        self._live[entry.command.party] = self._live.get(entry.command.party, 0) + (entry.lane is Lane.LIVE)
        if len(queue) > 1 and entry.lane is Lane.LIVE and queue[0].ready:
            self._lanes[Lane.LIVE].append(queue[0])
        return len(queue) == 1

    def make_ready(self, entry: Entry) -> None:
        """`entry` may start. It is the caller's affair that nothing of its party is open to a call."""
        if entry.ready:
            return
        entry.ready = True
        self._ready += 1
        lane = Lane.LIVE if self._live[entry.command.party] else Lane.BULK
        self._lanes[lane].append(entry)

    def next(self, lane: Lane) -> Entry | None:
        """The first ready entry of a lane, left in place."""
        lane_queue = self._lanes[lane]
        while lane_queue and not lane_queue[0].ready:
            lane_queue.popleft()
        return lane_queue[0] if lane_queue else None

    def hold(self, entry: Entry) -> None:
        """`entry` is not ready any more: it starts, waits or ends."""
        if entry.ready:
            entry.ready = False
            self._ready -= 1

    def remove(self, entry: Entry) -> None:
        """Take an ended entry out."""
        self.hold(entry)
        queue = self._queues[entry.command.party]
        queue.remove(entry)
        self._size -= 1
        self._live[entry.command.party] -= entry.lane is Lane.LIVE
        if not queue:
            del self._queues[entry.command.party], self._live[entry.command.party]

    def entries(self) -> Iterator[Entry]:
        for queue in self._queues.values():
            yield from queue
