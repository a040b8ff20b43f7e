"""Open commands as the ledger has them: in doubt, waiting, parked, queued, set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from pipeline.clock import utc
from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.codec import Codec, Record
from pipeline.schemas.records import ConnectionState, LedgerRow, LedgerState
from pipeline.schemas.topics import Topics


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
