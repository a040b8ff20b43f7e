"""Commands whose connection `control` does not know: set aside, so that they hold nobody up, and refused in the end."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.schemas.records import LedgerState
from pipeline.sinks import records
from pipeline.sinks.ending import write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.ledger import erase, store
from pipeline.sinks.shared import Shared
from pipeline.sinks.tick import Tick

UNKNOWN_SECONDS = 10.0
"""How long `control` may lag behind a command before it is refused."""


class Orphans:
    """Of one partition. They are in the ledger, so offsets move on, and wait for their connection for a moment."""

    def __init__(self, index: int, shared: Shared) -> None:
        self._index = index
        self._shared = shared
        self._waiting: dict[str, dict[str, Entry]] = {}
        self._until: dict[str, float] = {}

    def connections(self) -> list[str]:
        """That somebody waits for."""
        return list(self._waiting)

    def restore(self, entries: Iterable[Entry], now: float) -> None:
        """All that a predecessor left, until their owners claim them."""
        for entry in entries:
            self._keep(entry, now)

    def add(self, entry: Entry, tick: Tick) -> None:
        """A command that was taken. One that waits already is not taken twice."""
        if entry.command.id in self._waiting.get(entry.command.connection, {}):
            return
        store(entry, tick, self._index, self._shared)
        self._keep(entry, tick.now)

    def claim(self, connection: str) -> Iterable[Entry]:
        """Its owner is there now."""
        self._until.pop(connection, None)
        return self._waiting.pop(connection, {}).values()

    def advance(self, tick: Tick, reasons: dict[str, str]) -> None:
        """Refuse what has waited long enough. `reasons`: why a connection that is known cannot be used."""
        for connection in [id_ for id_, until in self._until.items() if tick.now >= until]:
            for entry in self.claim(connection):
                if entry.state is LedgerState.ASIDE:
                    erase(entry, tick, self._index, self._shared)
                    continue
                message = reasons.get(connection) or missing(connection, entry.command.app)
                write_ending(entry, records.refused("unknown", "connection", message), tick, self._index, self._shared)

    def _keep(self, entry: Entry, now: float) -> None:
        connection = entry.command.connection
        self._waiting.setdefault(connection, {})[entry.command.id] = entry
        self._until.setdefault(connection, now + UNKNOWN_SECONDS)


def missing(connection: str, app: str) -> str:
    return f"no connection {connection!r} of app {app!r}; add it with `pipeline apply` and send again"
