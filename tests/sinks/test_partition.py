"""A partition: commands of connections that nobody knows, that go, and that share it with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from confluent_kafka import Message

from pipeline.apps.base import App, Applied
from pipeline.errors import InDoubt, Retry
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Command, Connection, DeadLetter, LedgerRow, LedgerState, Status
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.entry import restored
from pipeline.sinks.orphans import UNKNOWN_SECONDS
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.partition import Partition
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from tests.sinks.test_owner import results, rows, started
from tests.sinks.toy import BOX, FREE, T0, TOPICS, ToyApp, applied, command, ref, shared

TOPIC = TOPICS.commands("toy")
LATER = UNKNOWN_SECONDS + 1


class Held(Partition):
    """Partition 0; connections whose settings hold `broken` are none that the app takes."""

    def __init__(self, *connections: str, codec: Codec | None = None) -> None:
        super().__init__(0, [TOPIC], {TOPIC: 0}, shared(codec=codec), self._make)
        self.messages = 0
        self.knows(*connections)

    def _make(self, connection: Connection) -> tuple[App, OwnerState]:
        if connection.settings.get("broken"):
            raise ValueError("no such plan")
        app = ToyApp(FREE)
        state = OwnerState(connection, app, BOX, lambda: T0)
        state.checked({})
        return app, state

    def knows(self, *ids: str, at: float = 0.0, settings: Mapping[str, Any] | None = None) -> None:
        connections = {id_: Connection(id=id_, app="toy", settings=dict(settings or {})) for id_ in ids}
        self.configure(connections, {}, crowded=len(ids) > 1, now=T0 + at)

    def comes(self, *values: Command | bytes) -> None:
        for value in values:
            body = value if isinstance(value, bytes) else msgspec.json.encode(value)
            message = Message(topic=TOPIC, partition=0, offset=self.messages, key=b"c", value=body)
            self.buffers[TOPIC].append(Arrival(message, TOPIC, 0, self.messages))
            self.messages += 1

    def turn(self, at: float = 0.0) -> Tick:
        tick = Tick(T0 + at)
        self.advance(tick)
        return tick

    def ends(self, start: Start, value: Applied | None, error: Exception | None = None, at: float = 0.0) -> Tick:
        tick = Tick(T0 + at)
        start.owner.settle(Outcome(start, value, error, 1), tick)
        self.advance(tick)
        return tick


def of(connection: str, id_: str, **more: Any) -> Command:
    return msgspec.structs.replace(command(id_, party=id_, **more), connection=connection)


def refusals(tick: Tick) -> dict[str, str]:
    """Of each refused command, the message."""
    return {result.command: result.cause.message for result in results(tick) if result.cause}


def letters(tick: Tick) -> Sequence[DeadLetter]:
    return [
        msgspec.json.decode(out.value or b"", type=DeadLetter) for out in tick.outs if out.topic == TOPICS.dead_letters
    ]


def test_commands_of_an_unknown_connection_hold_nobody_up_and_are_refused_once_control_had_its_chance() -> None:
    part = Held("c")
    part.comes(of("stranger", "x"), of("c", "a"), of("stranger", "y"))
    tick = part.turn()
    assert started(tick) == ["a"]
    assert part.positions == {TOPIC: 3}
    assert {id_ for id_, state in rows(tick).items() if state is LedgerState.QUEUED} == {"x", "y"}
    assert refusals(part.turn(UNKNOWN_SECONDS - 1)) == {}
    late = part.turn(LATER)
    assert set(refusals(late)) == {"x", "y"}
    assert rows(late) == {"x": None, "y": None}
    assert {letter.command for letter in letters(late)} == {"x", "y"}


def test_a_connection_that_control_learns_of_in_time_gets_its_commands() -> None:
    part = Held()
    part.comes(of("c", "a"), of("c", "a"))
    assert started(part.turn()) == []
    part.knows("c", at=5)
    assert started(part.turn(5)) == ["a"]
    assert refusals(part.turn(LATER)) == {}


def test_open_commands_that_a_predecessor_left_for_an_unknown_connection_are_refused_too() -> None:
    part = Held()
    row = LedgerRow(state=LedgerState.WAITING, command=of("gone", "a"), topic=TOPIC, offset=0)
    part.restore([], [restored(row, T0)], T0)
    assert refusals(part.turn(1)) == {}
    late = part.turn(LATER)
    assert set(refusals(late)) == {"a"}
    assert rows(late) == {"a": None}


def test_a_connection_that_is_removed_starts_nothing_and_its_commands_are_refused_when_it_stays_away() -> None:
    part = Held("c")
    part.comes(of("c", "flying"), of("c", "doubted"))
    flying, doubted = part.turn().starts
    part.ends(doubted, None, InDoubt("lost"))
    part.knows()
    part.comes(of("c", "new"))
    assert started(part.turn(1)) == []
    late = part.turn(LATER + 1)
    assert set(refusals(late)) == {"doubted", "new"}
    done = part.ends(flying, applied(ref("flying"), "1"), at=LATER + 2)
    assert [result.status for result in results(done)] == [Status.SUCCEEDED]
    assert part.turn(LATER + 60).outs == []


def test_a_connection_that_is_removed_and_comes_back_goes_on() -> None:
    part = Held("c")
    part.comes(of("c", "a"))
    (start,) = part.turn().starts
    part.ends(start, None, Retry("503"))
    part.knows()
    part.comes(of("c", "b"))
    part.turn(1)
    part.knows("c", at=5)
    assert sorted(started(part.turn(6))) == ["a", "b"]
    assert refusals(part.turn(LATER + 60)) == {}


def test_a_connection_whose_settings_the_app_does_not_take_stops_nothing_else() -> None:
    part = Held("c")
    part.knows("c", "odd", settings={"broken": True})
    part.comes(of("odd", "a"))
    assert started(part.turn()) == []
    assert "no such plan" in refusals(part.turn(LATER))["a"]


def test_a_command_under_the_topic_of_another_app_is_refused_at_once() -> None:
    part = Held("c")
    part.comes(msgspec.structs.replace(of("c", "a"), app="other"))
    assert set(refusals(part.turn())) == {"a"}


def test_what_cannot_be_decoded_is_a_dead_letter_with_its_bytes_and_the_next_one_goes_on() -> None:
    part = Held("c")
    part.comes(b"\x07broken", of("c", "a"))
    tick = part.turn()
    assert started(tick) == ["a"]
    (letter,) = letters(tick)
    assert (letter.value, letter.key, letter.cause.code) == (b"\x07broken", b"c", "wrong_magic_byte")


class RegistryAway(Codec):
    """Cannot ask the registry until it is `back`."""

    back = False

    def decode(self, record: type[Any], value: bytes) -> Any:
        if not self.back:
            raise Retry("no answer")
        return super().decode(record, value)


def test_a_command_waits_while_the_schema_registry_cannot_be_asked() -> None:
    codec = RegistryAway()
    part = Held("c", codec=codec)
    part.comes(of("c", "a"))
    assert part.turn().outs == []
    codec.back = True
    assert part.turn(0.5).outs == []
    assert started(part.turn(1.1)) == ["a"]


def test_an_output_that_no_topic_takes_is_refused_and_nothing_of_it_is_written() -> None:
    part = Held("c")
    part.comes(of("c", "large"), of("c", "odd"))
    large, odd = part.turn().starts
    tick = part.ends(large, Applied("created", {"id": "x" * 1_000_000}))
    (result,) = results(tick)
    assert result.cause is not None
    assert (result.status, result.cause.kind) == (Status.REFUSED, "too_large")
    tick = part.ends(odd, Applied("created", {"id": object()}))
    (result,) = results(tick)
    assert result.cause is not None
    assert (result.status, result.cause.kind) == (Status.REFUSED, "defect")
    assert max(len(out.value or b"") for out in tick.outs) < 10_000
