"""One index of the command topics and the ledger: what is read of it, how far, and the owners of its connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from pipeline.apps.base import App
from pipeline.failpoints import fail_point
from pipeline.schemas.records import Connection, ConnectionState
from pipeline.sinks import records
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.ending import write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.orphans import UNKNOWN_SECONDS, Orphans, missing
from pipeline.sinks.owner import Owner
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick

log = structlog.get_logger(__name__)

BUFFERED = 1000
"""Messages of one topic partition held back before fetching pauses."""
OPEN_COMMANDS = 50_000
"""Commands a connection that shares its partition may move aside into the ledger before it holds the others up."""


class Partition:
    """Owned by one worker at a time, by the Kafka thread alone. `positions` are the next offsets to take, by topic."""

    def __init__(
        self,
        index: int,
        topics: Sequence[str],
        positions: Mapping[str, int],
        shared: Shared,
        make_state: Callable[[Connection], tuple[App, OwnerState]],
    ) -> None:
        self.index = index
        self.positions = dict(positions)
        self.closing = False
        self.owners: dict[str, Owner] = {}
        self.buffers: dict[str, deque[Arrival]] = {topic: deque() for topic in topics}
        self._shared = shared
        self._make_state = make_state
        self._connections: Mapping[str, Connection] = {}
        self._crowded = False
        self._states: dict[str, ConnectionState] = {}
        self._orphans = Orphans(index, shared)
        self._unusable: dict[str, str] = {}
        self._removed: dict[str, float] = {}

    # --- taking over --------------------------------------------------------------------------------------------

    def restore(self, states: Iterable[ConnectionState], entries: Iterable[Entry], now: float) -> None:
        """What the predecessor left in the state topic and in the ledger."""
        self._states = {state.connection: state for state in states}
        self._orphans.restore(entries, now)
        for connection in self._orphans.connections():
            self.owner(connection, now)

    def configure(self, connections: Mapping[str, Connection], crowded: bool, now: float) -> None:
        """What `control` says now. `crowded`: another connection is keyed to this index as well."""
        self._connections, self._crowded = connections, crowded
        self._unusable.clear()
        for id_, owner in self.owners.items():
            connection = connections.get(id_)
            if connection is None:
                owner.state.paused = True
                self._removed.setdefault(id_, now + UNKNOWN_SECONDS)
                continue
            self._removed.pop(id_, None)
            if connection is not owner.state.connection:
                _configure(owner.state, connection)
        for id_ in self._orphans.connections():
            self.owner(id_, now)

    def owner(self, id_: str, now: float) -> Owner | None:
        """The owner of a connection, made when first needed; None where `control` knows none that can be used."""
        connection = self._connections.get(id_)
        if connection is None or id_ in self._unusable:
            return None
        owner = self.owners.get(id_)
        if owner is None:
            try:
                app, state = self._make_state(connection)
            except (KeyError, ValueError) as error:
                log.error("a connection cannot be used", connection=id_, reason=str(error))
                self._unusable[id_] = f"connection {id_!r} cannot be used, mend it with `pipeline apply`: {error}"
                return None
            before = self._states.pop(id_, None)
            if before is not None:
                state.restore(before)
            owner = self.owners[id_] = Owner(self.index, app, state, self._shared)
        owner.restore(self._orphans.claim(id_), now)
        return owner

    # --- going on -----------------------------------------------------------------------------------------------

    def advance(self, tick: Tick) -> None:
        """Take commands while they can start, or must move aside for others, and let every owner go on."""
        taken = not self.closing
        while taken:
            taken = False
            for topic, buffer in self.buffers.items():
                while buffer and self._take(buffer[0], tick):
                    self.positions[topic] = buffer.popleft().offset + 1
                    tick.touched.add(self.index)
                    taken = True
                    fail_point("sinks.command.taken")
            for owner in self.owners.values():
                owner.advance(tick)
        self._let_go(tick)
        if self.closing:
            for owner in self.owners.values():
                owner.advance(tick)
                owner.give_back(tick)

    def _take(self, arrival: Arrival, tick: Tick) -> bool:
        """Whether it was taken: its offset moves on."""
        if not arrival.decode(self._shared.codec, tick.now):
            return False
        command = arrival.command
        if command is None:
            assert arrival.letter is not None
            letter, topics = arrival.letter, self._shared.topics
            tick.say(self.index, topics.dead_letters, letter.key or b"", self._shared.codec.encode(letter))
            return True
        owner = self.owner(command.connection, tick.now)
        entry = Entry(command, arrival.topic, arrival.offset, taken=tick.now, redrive=arrival.redrive)
        if owner is None:
            self._orphans.add(entry, tick)
        elif owner.app.name != command.app:
            ending = records.refused("unknown", "connection", missing(command.connection, command.app))
            write_ending(entry, ending, tick, self.index, self._shared)
        elif owner.wants(entry.lane) or (self._crowded and len(owner.parties) < OPEN_COMMANDS):
            owner.add(entry)
        else:
            return False
        return True

    def _let_go(self, tick: Tick) -> None:
        """Refuse what belongs to connections that `control` does not know, or knows no more."""
        self._orphans.advance(tick, self._unusable)
        for id_, until in self._removed.items():
            if tick.now >= until:
                owner = self.owners[id_]
                owner.dismiss(missing(id_, owner.app.name), tick)

    def release(self, keys: Iterable[str]) -> None:
        """Mappings have landed."""
        for key in keys:
            for owner in self.owners.values():
                owner.release(key)

    def release_mapped(self) -> None:
        """Mappings have landed, it is not known which."""
        for owner in self.owners.values():
            owner.release_mapped()

    @property
    def calling(self) -> bool:
        """Whether any call is armed or in flight."""
        return any(owner.calling for owner in self.owners.values())

    def close(self) -> None:
        """No new call; those in flight may end."""
        self.closing = True
        for owner in self.owners.values():
            owner.closing = True


def _configure(state: OwnerState, connection: Connection) -> None:
    try:
        state.configure(connection)
    except ValueError as error:
        log.error("a connection cannot be used as it is now", connection=connection.id, reason=str(error))
        state.stop(f"its settings cannot be used, mend them with `pipeline apply`: {error}")
