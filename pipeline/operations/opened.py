"""Open commands as the ledger has them: in doubt, waiting, parked, queued; and what each connection has used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from pipeline.clock import utc
from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.codec import Codec, Record
from pipeline.schemas.records import ConnectionState, Lane, LedgerRow, LedgerState
from pipeline.schemas.topics import Topics


@dataclass(frozen=True, slots=True)
class Usage:
    """A connection's calls and its backlog. `window` is the calls of the last minute, `day_calls` those of its day.

    `waiting` counts open commands by lane, `states` by state. `stopped` says what to mend, "" while it runs.
    """

    connection: str
    window: int
    day: str
    day_calls: int
    blocked_until: datetime | None
    stopped: str
    states: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """Reads the ledger and the state topic; each question is one scan."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    def rows(self, *states: LedgerState) -> list[LedgerRow]:
        """Open commands in these states (all, where none is named), the longest open first."""
        found = [row for row in self._table(LedgerRow, self.topics.ledger) if not states or row.state in states]
        return sorted(found, key=lambda row: (row.since or utc(0), row.topic, row.offset))

    def states(self) -> dict[str, ConnectionState]:
        """What the owner of each connection has written down last."""
        return {state.connection: state for state in self._table(ConnectionState, self.topics.state)}

    def usage(self, now: float) -> list[Usage]:
        """Every connection that has an owner's state or open commands."""
        opened: dict[str, list[LedgerRow]] = {}
        for row in self.rows():
            opened.setdefault(row.command.connection, []).append(row)
        states = self.states()
        return [
            self._usage(states.get(id_) or ConnectionState(connection=id_), opened.get(id_, []), now)
            for id_ in sorted(states.keys() | opened.keys())
        ]

    def _usage(self, state: ConnectionState, rows: list[LedgerRow], now: float) -> Usage:
        blocked = state.blocked_until if state.blocked_until and state.blocked_until > utc(now) else None
        lanes = Counter(row.command.lane for row in rows)
        return Usage(
            connection=state.connection,
            window=sum(count for second, count in state.calls if second > now - 60),
            day=state.day,
            day_calls=state.day_calls,
            blocked_until=blocked,
            stopped=state.stopped,
            states={str(name): count for name, count in sorted(Counter(row.state for row in rows).items())},
            waiting={str(lane): lanes[lane] for lane in Lane if lanes[lane]},
        )

    def _table(self, kind: type[Record], topic: str) -> Iterator[Record]:
        """The last row of each key."""
        rows: dict[bytes, bytes | None] = {}
        for message in scan(self.access, Scan(topic)):
            rows[message.key() or b""] = message.value()
        for key, value in rows.items():
            if value is None:
                continue
            try:
                yield self.codec.decode(kind, value)
            except Undecodable as error:
                structlog.get_logger().warning("a row cannot be read", topic=topic, key=key, code=error.code)
