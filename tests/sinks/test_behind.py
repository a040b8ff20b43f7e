"""Commands that cannot start are passed over and read again: they hold nobody up, and their order holds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from confluent_kafka import Message

from pipeline.apps.base import App
from pipeline.schemas.records import Command, Connection, ConnectionState, Lane
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.behind import FULL
from pipeline.sinks.orphans import UNKNOWN_SECONDS
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.partition import Partition
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from pipeline.sinks.verbs import RELEASE
from tests.sinks.test_owner import results, started
from tests.sinks.toy import BOX, FREE, T0, TOPICS, ToyApp, applied, command, ref, shared

LIVE, BULK = TOPICS.commands("toy"), TOPICS.commands("toy", bulk=True)
WINDOW = 2 * FREE.in_flight


class Log:
    """What was produced, and a partition that takes it in: once as it comes, and what it passed over again."""

    def __init__(self, *connections: str) -> None:
        self.values: dict[str, list[Command]] = {LIVE: [], BULK: []}
        self.part = self.owned({LIVE: 0, BULK: 0}, connections)

    def owned(self, positions: Mapping[str, int], connections: tuple[str, ...]) -> Partition:
        part = Partition(0, [LIVE, BULK], positions, shared(), self._make)
        self._configure(part, connections)
        return part

    def successor(self, state: ConnectionState, *connections: str) -> None:
        """Another worker goes on from the committed positions and the state row."""
        positions = self.part.positions
        self.part = self.owned(positions, connections)
        self.part.restore([state], [], T0)

    def knows(self, *connections: str) -> None:
        self._configure(self.part, connections)

    def comes(self, *commands: Command, topic: str = LIVE) -> None:
        for each in commands:
            offset = len(self.values[topic])
            self.values[topic].append(each)
            self.part.buffers[topic].append(self._arrival(topic, offset))

    def reread(self) -> None:
        for line in self.part.lines:
            while line.hungry(self.part.positions[line.topic]):
                arrival = self._arrival(line.topic, line.read_to)
                if self.part.stands_in(line, arrival):
                    line.buffer.append(arrival)
                line.read_to += 1

    def turn(self, at: float = 0.0) -> Tick:
        self.reread()
        tick = Tick(T0 + at)
        self.part.advance(tick)
        return tick

    def ends(self, *starts: Start, at: float = 0.0) -> Tick:
        self.reread()
        tick = Tick(T0 + at)
        for start in starts:
            assert start.entry is not None
            done = applied(ref(start.entry.command.party), start.entry.command.id)
            start.owner.settle(Outcome(start, done, None, 1), tick)
        self.part.advance(tick)
        return tick

    def drain(self, tick: Tick) -> list[str]:
        """End everything, turn by turn; the commands in the order in which they started."""
        order = started(tick)
        while tick.starts:
            tick = self.ends(*tick.starts)
            order += started(tick)
        return order

    def _make(self, connection: Connection) -> tuple[App, OwnerState]:
        app = ToyApp(FREE)
        state = OwnerState(connection, app, BOX, lambda: T0)
        state.checked({})
        return app, state

    def _configure(self, part: Partition, ids: tuple[str, ...]) -> None:
        part.configure({id_: Connection(id=id_, app="toy") for id_ in ids}, {}, crowded=len(ids) > 1, now=T0)

    def _arrival(self, topic: str, offset: int) -> Arrival:
        value = self.values[topic][offset]
        message = Message(
            topic=topic, partition=0, offset=offset, key=value.connection.encode(), value=msgspec.json.encode(value)
        )
        return Arrival(message, topic, 0, offset)


def of(connection: str, number: int, lane: Lane = Lane.LIVE) -> Command:
    id_ = f"{connection}-{lane}-{number}"
    return msgspec.structs.replace(command(id_, party=id_, lane=lane), connection=connection)


def many(connection: str, count: int, lane: Lane = Lane.LIVE) -> list[Command]:
    return [of(connection, number, lane) for number in range(count)]


def states(tick: Tick) -> dict[str, ConnectionState]:
    return {
        out.key.decode(): msgspec.json.decode(out.value or b"", type=ConnectionState)
        for out in tick.outs
        if out.topic == TOPICS.state
    }


def test_a_connection_with_a_backlog_holds_up_nobody_beside_it() -> None:
    log = Log("a", "b")
    log.comes(*many("a", 1000), of("b", 0))
    tick = log.turn()
    assert "b-live-0" in started(tick)
    assert log.part.positions[LIVE] == 1001
    assert len(log.part.owners["a"].parties) <= WINDOW


def test_what_was_passed_over_starts_in_its_order_and_none_twice() -> None:
    log = Log("a", "b")
    commands = many("a", 1000)
    log.comes(*commands)
    assert log.drain(log.turn()) == [each.id for each in commands]
    assert not log.part.lines


def test_memory_is_bounded_however_many_wait() -> None:
    log = Log("a", "b")
    log.comes(*many("a", 5000))
    log.turn()
    log.turn()
    (line,) = log.part.lines
    assert len(line.buffer) <= FULL
    assert len(log.part.owners["a"].parties) <= WINDOW


def test_the_state_says_where_the_backlog_begins_and_how_long_it_is() -> None:
    log = Log("a", "b")
    log.comes(*many("a", 100))
    (row,) = states(log.turn())["a"].behind
    assert (row.topic, row.lane, row.offset, row.count) == (LIVE, Lane.LIVE, WINDOW, 100 - WINDOW)


def test_a_successor_goes_on_from_there_and_leaves_nothing_out() -> None:
    log = Log("a", "b")
    commands = many("a", 100)
    log.comes(*commands)
    tick = log.turn()
    first = started(tick)
    log.successor(states(tick)["a"], "a", "b")
    assert first + log.drain(log.turn()) == [each.id for each in commands]


def test_a_connection_alone_on_its_partition_leaves_live_commands_in_the_topic() -> None:
    log = Log("a")
    log.comes(*many("a", 100))
    log.turn()
    assert not log.part.lines
    assert log.part.positions[LIVE] == WINDOW


def test_lanes_of_the_bulk_topic_pass_one_another() -> None:
    log = Log("a")
    reconcile, replay = many("a", 300, Lane.RECONCILE), many("a", 5, Lane.REPLAY)
    log.comes(*reconcile, *replay, topic=BULK)
    order = log.drain(log.turn())
    assert set(order[:WINDOW]) >= {each.id for each in replay}
    assert [id_ for id_ in order if "reconcile" in id_] == [each.id for each in reconcile]


def test_live_commands_do_not_wait_for_a_full_bulk_lane() -> None:
    log = Log("a")
    log.comes(*many("a", 300, Lane.REPLAY), topic=BULK)
    first = log.turn()
    log.comes(*many("a", 3))
    assert started(log.ends(first.starts[0])) == ["a-live-0"]


def test_an_operators_word_is_heard_at_once_and_only_once() -> None:
    log = Log("a")
    verb = msgspec.structs.replace(of("a", 0, Lane.REPLAY), id="verb", action=RELEASE, input={})
    log.comes(*many("a", 100, Lane.REPLAY), verb, topic=BULK)
    tick = log.turn()
    assert [result.command for result in results(tick)] == ["verb"]
    heard = 0
    while tick.starts:
        tick = log.ends(*tick.starts)
        heard += sum(result.command == "verb" for result in results(tick))
    assert heard == 0


def test_a_stopped_connection_takes_no_more_than_its_share_of_memory_and_loses_nothing() -> None:
    log = Log("a", "b")
    commands = many("a", 500)
    log.comes(*commands[:1])
    log.ends(*log.turn().starts)
    log.part.owners["a"].state.stop("the token is dead")
    log.comes(*commands[1:])
    log.turn()
    assert log.turn().starts == []
    log.part.owners["a"].state.stopped = ""
    assert log.drain(log.turn()) == [each.id for each in commands[1:]]


def test_what_waits_of_a_connection_that_was_removed_is_refused() -> None:
    log = Log("a", "b")
    commands = many("a", 100)
    log.comes(*commands)
    tick = log.turn()
    log.knows("b")
    refused = []
    log.ends(*tick.starts)
    for _ in range(20):
        refused += [result.command for result in results(log.turn(UNKNOWN_SECONDS + 1))]
    assert sorted(refused) == sorted(each.id for each in commands[WINDOW:])
