"""One index of the command topics and the ledger: what is read of it, how far, and the owners of its connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from pipeline.apps.base import App
from pipeline.errors import Undecodable
from pipeline.failpoints import fail_point
from pipeline.kafka.messages import headers_of
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Cause, Command, Connection, ConnectionState, DeadLetter, redrive_rounds
from pipeline.sinks import records
from pipeline.sinks.entry import Entry
from pipeline.sinks.owner import Owner
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick

UNKNOWN_SECONDS = 10.0
"""How long an unknown connection's first command waits for `control` to catch up before it is refused."""
BUFFERED = 1000
"""Messages of one topic partition held back before fetching pauses."""
OPEN_COMMANDS = 50_000
"""Commands a connection that shares its partition may move aside into the ledger before it holds the others up."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of a command topic: the command, or why there is none, with all that a dead letter needs."""

    topic: str
    offset: int
    command: Command | None
    redrive: int = 0
    letter: DeadLetter | None = None


def arrive(codec: Codec, topic: str, partition: int, offset: int, message: Message) -> Arrived:
    """Decode one message. What cannot be decoded becomes a dead letter and stops nothing."""
    headers = headers_of(message)
    try:
        return Arrived(topic, offset, codec.decode(Command, message.value() or b""), redrive_rounds(headers))
    except Undecodable as error:
        letter = DeadLetter(
            topic=topic,
            partition=partition,
            offset=offset,
            key=message.key(),
            value=message.value(),
            headers=headers,
            cause=Cause(kind="undecodable", code=error.code, message=str(error)),
            stage="sink",
        )
        return Arrived(topic, offset, None, letter=letter)


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
        self.buffers: dict[str, deque[Arrived]] = {topic: deque() for topic in topics}
        self._shared = shared
        self._make_state = make_state
        self._connections: Mapping[str, Connection] = {}
        self._crowded = False
        self._states: dict[str, ConnectionState] = {}
        self._left: dict[str, list[Entry]] = {}
        self._unknown_since: dict[str, float] = {}

    # --- taking over --------------------------------------------------------------------------------------------

    def restore(self, states: Iterable[ConnectionState], entries: Iterable[Entry], now: float) -> None:
        """What the predecessor left in the state topic and in the ledger."""
        self._states = {state.connection: state for state in states}
        for entry in entries:
            self._left.setdefault(entry.command.connection, []).append(entry)
        for connection in list(self._left):
            self.owner(connection, now)

    def configure(self, connections: Mapping[str, Connection], crowded: bool, now: float) -> None:
        """What `control` says now. `crowded`: another connection is keyed to this index as well."""
        self._connections, self._crowded = connections, crowded
        for id_, owner in self.owners.items():
            connection = connections.get(id_)
            if connection is None:
                owner.state.paused = True
            elif connection is not owner.state.connection:
                owner.state.configure(connection)
        for id_ in list(self._left):
            self.owner(id_, now)

    def owner(self, id_: str, now: float) -> Owner | None:
        """The owner of a connection, made when first needed; None where `control` knows no such connection."""
        found = self.owners.get(id_)
        if found is not None:
            return found
        connection = self._connections.get(id_)
        if connection is None:
            return None
        app, state = self._make_state(connection)
        before = self._states.pop(id_, None)
        if before is not None:
            state.restore(before)
        owner = self.owners[id_] = Owner(self.index, app, state, self._shared)
        owner.restore(self._left.pop(id_, ()), now)
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
        if self.closing:
            for owner in self.owners.values():
                owner.advance(tick)
                owner.give_back(tick)

    def _take(self, arrived: Arrived, tick: Tick) -> bool:
        command, now = arrived.command, tick.now
        if command is None:
            assert arrived.letter is not None
            letter, topics = arrived.letter, self._shared.topics
            tick.say(self.index, topics.dead_letters, letter.key or b"", self._shared.codec.encode(letter))
            return True
        owner = self.owner(command.connection, now)
        if owner is None or owner.app.name != command.app:
            return self._unknown(arrived, command, tick)
        if owner.wants() or (self._crowded and len(owner.parties) < OPEN_COMMANDS):
            owner.add(Entry(command, arrived.topic, arrived.offset, taken=now, redrive=arrived.redrive))
            return True
        return False

    def _unknown(self, arrived: Arrived, command: Command, tick: Tick) -> bool:
        """`control` may lag behind the command by a moment; after that the command is refused."""
        since = self._unknown_since.setdefault(command.connection, tick.now)
        if tick.now - since < UNKNOWN_SECONDS and command.connection not in self._connections:
            return False
        entry = Entry(command, arrived.topic, arrived.offset, taken=tick.now, redrive=arrived.redrive)
        ending = records.refused(
            "unknown",
            "connection",
            f"no connection {command.connection!r} of app {command.app!r}; add it with `pipeline apply` and send again",
        )
        assert ending.cause is not None
        encode, topics = self._shared.codec.encode, self._shared.topics
        tick.say(self.index, topics.results, command.party.encode(), encode(records.result(entry, ending, tick.now)))
        letter = records.dead_letter(entry, ending.cause, self.index, encode(command), tick.now)
        tick.say(self.index, topics.dead_letters, command.connection.encode(), encode(letter))
        return True

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
        return any(owner.armed or owner.checking for owner in self.owners.values())

    def close(self) -> None:
        """No new call; those in flight may end."""
        self.closing = True
        for owner in self.owners.values():
            owner.closing = True
