"""Commands that could not start when they came by: passed over in their topic, and read again when there is room.

So offsets always move on, one connection's backlog holds no other up, and memory stays bounded however many commands
wait: what is remembered is where they begin, in the row of their connection's state (`records.Behind`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.schemas.records import Behind, Lane
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.parties import LANES

FULL = 200
"""Commands of a line that are held in memory."""
LOW = 50
"""Below it, more are read."""


@dataclass(slots=True, eq=False)
class Line:
    """One connection's commands of one lane in a topic, from `offset` on; those before `read_to` have been read again.

    Invariant: whoever begins to stand in line does so for all that come after him, so their order holds.
    """

    topic: str
    connection: str
    lane: Lane
    offset: int
    count: int = 0
    read_to: int = 0
    buffer: deque[Arrival] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.read_to = self.offset

    def hungry(self, end: int) -> bool:
        """Whether more of it is to be read. `end`: what comes from there on has not been passed over."""
        return self.read_to < end and len(self.buffer) < LOW

    def take(self) -> None:
        """The first one has started, or ended."""
        self.offset = self.buffer.popleft().offset + 1
        self.count = max(0, self.count - 1)

    def row(self) -> Behind:
        return Behind(topic=self.topic, lane=self.lane, offset=self.offset, count=self.count)


class Lines:
    """Those of one partition index."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], dict[Lane, Line]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[Line]:
        """The most urgent first."""
        return iter(sorted((line for by in self._lines.values() for line in by.values()), key=_urgency))

    def of(self, topic: str, connection: str) -> dict[Lane, Line]:
        return self._lines.get((topic, connection), {})

    def begin(self, topic: str, connection: str, lane: Lane, offset: int) -> Line:
        line = Line(topic, connection, lane, offset)
        self._lines.setdefault((topic, connection), {})[lane] = line
        return line

    def end(self, line: Line) -> None:
        by = self._lines[line.topic, line.connection]
        del by[line.lane]
        if not by:
            del self._lines[line.topic, line.connection]

    def restore(self, connection: str, rows: Iterable[Behind]) -> None:
        for row in rows:
            self.begin(row.topic, connection, row.lane, row.offset).count = row.count

    def rows(self, connection: str) -> list[Behind]:
        """For the state of `connection`."""
        return [line.row() for (_, id_), by in self._lines.items() if id_ == connection for line in by.values()]


def _urgency(line: Line) -> int:
    return LANES.index(line.lane)
