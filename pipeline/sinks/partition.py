"""One index of the command topics and the ledger: what is read of it, how far, and the owners of its connections."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from pipeline.apps.base import App
from pipeline.errors import Retry
from pipeline.failpoints import fail_point
from pipeline.flows.wanted import NOTHING, Wanted
from pipeline.kafka.partitioner import partition_of
from pipeline.schemas.records import Connection, ConnectionState, Lane
from pipeline.sinks import records
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.behind import Line, Lines
from pipeline.sinks.ending import write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.orphans import UNKNOWN_SECONDS, Orphans, missing
from pipeline.sinks.owner import Owner
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick
from pipeline.sinks.verbs import VERBS

log = structlog.get_logger(__name__)

BUFFERED = 1000
"""Messages of one topic partition held back before fetching pauses."""


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
        self.lines = Lines()
        self._bulk = frozenset(shared.topics.commands(app, bulk=True) for app in shared.topics.apps)
        self._shared = shared
        self._make_state = make_state
        self._connections: Mapping[str, Connection] = {}
        self._wanted: Mapping[str, Wanted] = {}
        self._crowded = False
        self._states: dict[str, ConnectionState] = {}
        self._orphans = Orphans(index, shared)
        self._unusable: dict[str, str] = {}
        self._removed: dict[str, float] = {}

    # --- taking over --------------------------------------------------------------------------------------------

    def restore(self, states: Iterable[ConnectionState], entries: Iterable[Entry], now: float) -> None:
        """What the predecessor left in the state topic and in the ledger."""
        self._states = {state.connection: state for state in states}
        for state in self._states.values():
            self.lines.restore(state.connection, state.behind)
        self._orphans.restore(entries, now)
        for connection in self._orphans.connections():
            self.owner(connection, now)

    def configure(
        self, connections: Mapping[str, Connection], wanted: Mapping[str, Wanted], *, crowded: bool, now: float
    ) -> None:
        """What `control` says now. `crowded`: another connection is keyed to this index as well."""
        self._connections, self._wanted, self._crowded = connections, wanted, crowded
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
            owner.state.wanted = wanted.get(id_, NOTHING)
        for id_, want in wanted.items():
            if want.triggers and partition_of(id_.encode(), self._shared.topics.partitions) == self.index:
                self.owner(id_, now)
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
            state.wanted = self._wanted.get(id_, NOTHING)
            state.behind = partial(self.lines.rows, id_)
            owner = self.owners[id_] = Owner(self.index, app, state, self._shared)
        owner.restore(self._orphans.claim(id_), now)
        return owner

    # --- going on -----------------------------------------------------------------------------------------------

    def advance(self, tick: Tick) -> None:
        """Take commands while they can start, or are passed over, and let every owner go on."""
        taken = not self.closing
        while taken:
            taken = self._go_back(tick)
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

    def _go_back(self, tick: Tick) -> bool:
        """Take what was passed over and can start now; whether anything was."""
        taken = False
        for line in self.lines:
            offset = line.offset
            while line.buffer and self._take(line.buffer[0], tick, line):
                line.take()
            if at_end := not line.buffer and line.read_to >= self.positions[line.topic]:
                self.lines.end(line)
            if at_end or line.offset != offset:
                self._note(line.connection, tick)
                taken = True
        return taken

    def stands_in(self, line: Line, arrival: Arrival) -> bool:
        """Raises `Retry` while the schema registry cannot be asked."""
        return arrival.key == line.connection and self._lane(arrival) is line.lane

    def _passed_over(self, arrival: Arrival, tick: Tick) -> bool:
        """Whether it has to stand in line behind others of its connection and lane."""
        lines = self.lines.of(arrival.topic, arrival.key) if self.lines else None
        if not lines:
            return False
        try:
            lane = self._lane(arrival)
        except Retry:
            return False
        line = lines.get(lane) if lane is not None else None
        if line is None:
            return False
        line.count += 1
        self._note(line.connection, tick)
        return True

    def _lane(self, arrival: Arrival) -> Lane | None:
        """The lane of its line: on the live topic all of a connection stand in one."""
        lane = arrival.lane(self._shared.codec)
        return lane if lane is None or arrival.topic in self._bulk else Lane.LIVE

    def _note(self, connection: str, tick: Tick) -> None:
        """Its lines have changed: its state has to be written down."""
        tick.touched.add(self.index)
        owner = self.owners.get(connection)
        if owner is not None:
            owner.state.dirty = True
            return
        before = self._states.get(connection) or ConnectionState(connection=connection)
        self._states[connection] = now = msgspec.structs.replace(before, behind=self.lines.rows(connection))
        topic = self._shared.topics.state
        tick.say(self.index, topic, connection.encode(), self._shared.codec.encode(now), self.index)

    def _take(self, arrival: Arrival, tick: Tick, line: Line | None = None) -> bool:
        """Whether it was taken, or is passed over: its offset moves on. `line`: the one that it stands in."""
        if line is None and self._passed_over(arrival, tick):
            return True
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
        elif self._unknown(command.connection, tick.now) or owner.wants(entry.lane) or command.action in VERBS:
            owner.add(entry)
        elif line is not None or not (self._crowded or arrival.topic in self._bulk):
            return False
        elif command.connection != arrival.key:
            owner.add(entry)
        else:
            lane = entry.lane if arrival.topic in self._bulk else Lane.LIVE
            self.lines.begin(arrival.topic, command.connection, lane, arrival.offset).count = 1
            owner.state.dirty = True
        return True

    def _unknown(self, connection: str, now: float) -> bool:
        """Whether it was removed a while ago: its commands are refused, so all are wanted."""
        return now >= self._removed.get(connection, math.inf)

    def _let_go(self, tick: Tick) -> None:
        """Refuse what belongs to connections that `control` does not know, or knows no more."""
        self._orphans.advance(tick, self._unusable)
        for id_ in self._removed:
            if self._unknown(id_, tick.now):
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
