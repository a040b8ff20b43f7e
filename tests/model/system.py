"""The pipeline's pure core wired without Kafka: events are decided, commands carried out, ticks committed to a `Log`.

Here stands what a worker does around the core: it fences, retries, hands over, restores and makes calls, each step when
the test says so. Time is virtual, and the destinations are a `World`.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Collection, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from confluent_kafka import Message

from pipeline.agents.batch import DecideBatch
from pipeline.agents.dedupe import Dedupe, had_effect, identity
from pipeline.apps.base import App, Request, Response
from pipeline.errors import InDoubt
from pipeline.flows.wanted import wanted
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, ConnectionState, Decision, LedgerRow, LedgerState
from pipeline.schemas.topics import Topics
from pipeline.sinks.arrival import Arrival
from pipeline.sinks.calls import Lease, _Budget, _budget, _Metered
from pipeline.sinks.entry import restored
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.partition import Partition
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from tests.model.log import Log
from tests.model.world import SKEW, Asked, World
from tests.sinks.toy import BOX

SESSION, LEASE, TIMEOUT = 6.0, 4.0, 5.0
"""Seconds: until the group gives a silent worker's partitions away, until its calls may start, until a call is lost."""

PARKING = 90_000.0
"""Seconds that a command waits for a mapping."""
AGAIN = 3
"""Messages that a worker reads again in one turn for a line."""


class Crash(Exception):
    """The worker is gone, as by kill -9."""


class _Wire:
    """The transport below a session: hands a request out and comes back with its answer."""

    async def send(self, base_url: str, request: Request) -> Response:
        return await _Sent(request)


@dataclass
class _Sent:
    request: Request

    def __await__(self) -> Generator[Request, Response, Response]:
        return (yield self.request)


@dataclass(eq=False)
class Flight:
    """A call that was started: armed until it sends, then `asked` until it is answered. May send several times."""

    sink: Sink
    start: Start
    asked: Asked | None = None
    budget: Any = None
    call: Coroutine[Request, Response, Any] | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def send(self) -> None:
        """It has its slot: up to the first request, unless the lease or the owner forbids."""
        start, owner = self.start, self.start.owner
        self.connection = owner.state.connection
        self.budget = _Budget(owner, start.budget, check=start.entry is None)
        self.context.run(_budget.set, self.budget)
        session = owner.app.session(
            settings={},
            secrets={},
            api=_Metered(_Wire(), cast("Lease", self.sink)),
            auth=_Wire(),
            tokens=owner.state.tokens,
            now=None,
        )
        if start.entry is None:
            self.call = session.check()
        else:
            assert start.call is not None
            self.call = owner.app.actions[start.entry.command.action].apply(start.call, session)
        self._go_on(None, None)

    def answer(self, response: Response | None, error: Exception | None = None) -> None:
        self._go_on(response, error)

    def _go_on(self, response: Response | None, error: Exception | None) -> None:
        self.asked = None
        assert self.call is not None
        entry = self.start.entry
        try:
            if error is not None:
                request = self.context.run(self.call.throw, error)
            else:
                request = self.context.run(self.call.send, response)  # type: ignore[arg-type]
        except StopIteration as ended:
            self._done(ended.value, None)
        except Exception as fault:
            if isinstance(fault, AssertionError):
                raise
            self.start.owner.heed(fault)
            self._done(None, fault)
        else:
            command, connection = entry.command if entry else None, self.start.owner.state.id
            self.sink.may_call(connection)
            self.asked = self.sink.system.world.arrive(
                connection, command.party if command else "", command.id if command else "", request
            )

    def _done(self, value: Any, error: Exception | None) -> None:
        self.sink.flights.remove(self)
        self.sink.done.append(Outcome(self.start, value, error, self.budget.made, self.budget.sent, self.connection))


class Sink:
    """A sink worker around the core. `member` until the group gives it up; asleep it does nothing at all."""

    def __init__(self, system: System, name: str) -> None:
        self.system, self.name = system, name
        self.skew = 0.0
        self.member = True
        self.asleep_since: float | None = None
        self.flights: list[Flight] = []
        self.done: deque[Outcome] = deque()
        self.blocked: dict[str, float] = {}
        self.partitions: dict[int, Partition] = {}
        self._pending: Tick | None = None
        self._lease_until = 0.0
        self._revision = -1
        self._mapped: dict[int, int] = {}
        self._fed: dict[tuple[str, int], int] = {}
        self._shared = Shared(system.topics, system.codec, MappingTable(system.codec), lambda: 0.5, PARKING)
        self._catch_up()

    @property
    def held(self) -> bool:
        """The lease, as `calls` asks for it."""
        return self.system.world.now < self._lease_until

    def now(self) -> float:
        return self.system.world.now + self.skew

    def may_call(self, connection: str) -> None:
        """It serves the connection still, and what it knows holds: a pause that it read, a block that it was told."""
        assert self.member, f"a call to {connection} by a worker that the group has given up"
        paused = self._revision == self.system.revision and self.system.connections[connection].paused
        assert not paused, f"a call to {connection}, which is paused"
        blocked = self.system.world.now < self.blocked.get(connection, 0.0) - SKEW
        assert not blocked, f"a call to {connection}, which is blocked"

    # --- a turn -------------------------------------------------------------------------------------------------------

    def turn(self, fate: str = "") -> None:
        """One turn of the Kafka thread. `fate`: ``abort``, ``crash before`` or ``crash after`` the commit."""
        self._follow()
        tick = self._pending
        if tick is None:
            tick = Tick(self.now())
            self._settle(tick, set(self.partitions))
            for part in self.partitions.values():
                part.advance(tick)
            if not tick and self._lease_until - self.system.world.now < LEASE / 2:
                tick.touched.update(index for index, part in self.partitions.items() if part.calling)
        if tick:
            self._commit(tick, fate)
        if not self.member:
            self._lost()

    def _settle(self, tick: Tick, indexes: set[int]) -> None:
        for _ in range(len(self.done)):
            outcome = self.done.popleft()
            owner = outcome.start.owner
            part = self.partitions.get(owner.index)
            if part is None or part.owners.get(owner.state.id) is not owner:
                continue
            if owner.index not in indexes:
                self.done.append(outcome)
            else:
                owner.settle(outcome, tick)

    def _commit(self, tick: Tick, fate: str) -> None:
        if not self.member:
            return
        if fate == "abort":
            self._pending = tick
            return
        self._pending = None
        if fate == "crash before":
            raise Crash
        self._transact(tick)
        if fate == "crash after":
            raise Crash
        self._committed(tick)

    def _transact(self, tick: Tick) -> None:
        """All of it or nothing, with the offsets of every index touched."""
        log = self.system.log
        for out in tick.outs:
            log.append(out.topic, out.key, out.value, -1 if out.partition is None else out.partition)
        for index in tick.touched:
            log.commit("sinks", {(topic, index): at for topic, at in self.partitions[index].positions.items()})
        self._lease_until = self.system.world.now + LEASE

    def _committed(self, tick: Tick) -> None:
        self.flights += [Flight(self, start) for start in tick.starts]
        for part in self.partitions.values():
            part.release(tick.mapped)

    def send(self) -> None:
        """The event loop's turn: armed calls take the slots that are free."""
        for flight in list(self.flights):
            owner = flight.start.owner
            flying = sum(one.start.owner is owner and one.asked is not None for one in self.flights)
            if flight.asked is None and flying < owner.state.limiter.in_flight_limit:
                flight.send()

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Changes of `control`, mappings that others wrote, and new commands."""
        if self._revision != self.system.revision:
            self._revision = self.system.revision
            for part in self.partitions.values():
                self._configure(part)
        landed = self._catch_up()
        for part in self.partitions.values():
            part.release(landed)
            self._read_again(part)
        for index, part in self.partitions.items():
            for topic, buffer in part.buffers.items():
                start = self._fed[topic, index]
                for message in self.system.log.rows(topic, index, start):
                    buffer.append(Arrival(message, topic, index, message.offset() or 0))
                    self._fed[topic, index] += 1

    def _read_again(self, part: Partition) -> None:
        """A little of what was passed over."""
        for line in part.lines:
            end = part.positions[line.topic]
            for message in self.system.log.rows(line.topic, part.index, line.read_to)[:AGAIN]:
                offset = message.offset() or 0
                if offset < end and len(line.buffer) < AGAIN:
                    arrival = Arrival(message, line.topic, part.index, offset)
                    if part.stands_in(line, arrival):
                        line.buffer.append(arrival)
                    line.read_to = offset + 1

    def _catch_up(self) -> list[str]:
        log, landed = self.system.log, []
        for index in range(log.topics.partitions):
            for message in log.rows(log.topics.mappings, index, self._mapped.get(index, 0)):
                self._shared.mappings.load(message.key() or b"", message.value())
                landed.append((message.key() or b"").decode())
                self._mapped[index] = (message.offset() or 0) + 1
        return landed

    def _configure(self, part: Partition) -> None:
        crowded = self.system.topics.partitions == 1
        part.configure(self.system.connections, self.system.wanted, crowded=crowded, now=self.now())

    # --- the group ----------------------------------------------------------------------------------------------------

    def take_over(self, index: int) -> None:
        log, topics, codec = self.system.log, self.system.topics, self.system.codec
        offsets = log.offsets["sinks"]
        positions = {topic: offsets.get((topic, index), 0) for topic in topics.carried_out()}
        states = [codec.decode(ConnectionState, value) for _, value in log.last(topics.state, index)]
        rows = [codec.decode(LedgerRow, value) for _, value in log.last(topics.ledger, index)]
        self._catch_up()
        for part in self.partitions.values():
            part.release_mapped()
        part = Partition(index, topics.carried_out(), positions, self._shared, self._make_state)
        self._configure(part)
        part.restore(states, [restored(row, self.now()) for row in rows], self.now())
        self.partitions[index] = part
        self._fed.update({(topic, index): at for topic, at in positions.items()})

    def hand_over(self, index: int, answers: Sequence[Flight], fate: str = "") -> None:
        """Drain: `answers` are answered in time, what else flies stays in doubt; one last transaction."""
        part = self.partitions[index]
        part.close()
        tick = self._pending or Tick(self.now())
        tick.recall({index})
        self.send()
        for flight in answers:
            if flight.asked is not None:
                flight.answer(self.system.world.apply(flight.asked))
        self._settle(tick, {index})
        part.advance(tick)
        if fate == "abort":
            tick.drop({index})
        else:
            self._transact(tick)
            self._committed(tick)
            tick.clear()
        self._drop({index})
        self.blocked.clear()  # the successor may not have learnt of it: the last transaction may have failed

    def _drop(self, indexes: Collection[int]) -> None:
        if self._pending is not None:
            self._pending.drop(set(indexes))
            self._pending = self._pending or None
        for index in indexes:
            self.partitions.pop(index).close()
        for flight in [one for one in self.flights if one.start.owner.index in indexes]:
            self.flights.remove(flight)
            self.system.give_up(flight)

    def _lost(self) -> None:
        """The group went on without it: nothing that it holds is its own any more. It joins anew."""
        self._drop(list(self.partitions))
        self._pending = None
        self.member = True

    def _make_state(self, connection: Connection) -> tuple[App, OwnerState]:
        app = self.system.apps[connection.app]
        return app, OwnerState(connection, app, BOX, self.now)


class System:
    """Agents and sinks on one log. `connections` is what `control` says; `revision` counts its changes."""

    def __init__(self, apps: Mapping[str, App], rules: Any, world: World, partitions: int) -> None:
        self.apps, self.world = apps, world
        self.topics = Topics("", partitions, tuple(apps))
        self.codec = Codec()
        self.log = Log(self.topics)
        self.connections: dict[str, Connection] = dict(rules.connections)
        self.revision = 0
        self._rules = rules
        self.wanted = wanted(rules.links.values(), rules.flows)
        self.sinks = [Sink(self, "one"), Sink(self, "two")]
        self.lost_after: float | None = None
        """What becomes of requests whose caller is gone: applied after so many seconds, or never."""
        self.restart_agent()
        for index in range(partitions):
            self.sinks[0].take_over(index)

    # --- deciding -----------------------------------------------------------------------------------------------------

    def restart_agent(self) -> None:
        self._agent = DecideBatch(
            topics=self.topics, apps=self.apps, codec=self.codec, rules=lambda: self._rules,
            dedupe=Dedupe(), restore=self._decided, clock=_Clock(self.world),
        )  # fmt: skip
        self._agent.take_over(range(self.topics.partitions))

    def decide(self, fate: str = "") -> None:
        """One batch of all there is. `fate`: ``abort`` or ``crash`` instead of its commit."""
        log = self.log
        messages: list[Message] = []
        for topic in self.topics.decided():
            for index in range(self.topics.partitions):
                messages += log.next("agents", topic, index)
        outs = list(self._agent.evaluate(messages))
        if fate == "abort":
            self._agent.let_go(range(self.topics.partitions))
            self._agent.take_over(range(self.topics.partitions))
        elif fate == "crash":
            self.restart_agent()
        else:
            for topic, value, key, partition, headers in outs:
                log.append(topic, key, value, partition, headers)
            ends = {
                (message.topic() or "", message.partition() or 0): (message.offset() or 0) + 1 for message in messages
            }
            log.commit("agents", ends)

    def _decided(self, partition: int) -> Collection[str]:
        rows = self.log.rows(self.topics.decisions, partition)
        decisions = [self.codec.decode(Decision, row.value() or b"") for row in rows]
        return [identity(one.connection, one.event_id, one.replay) for one in decisions if had_effect(one)]

    # --- sinks --------------------------------------------------------------------------------------------------------

    @property
    def awake(self) -> list[Sink]:
        return [sink for sink in self.sinks if sink.asleep_since is None]

    @property
    def flights(self) -> list[Flight]:
        """Calls that were sent and are not answered, whoever made them."""
        return [flight for sink in self.sinks for flight in sink.flights if flight.asked is not None]

    def owner_of(self, index: int) -> Sink | None:
        """The member that the group gave a partition to."""
        return next((sink for sink in self.sinks if sink.member and index in sink.partitions), None)

    def take_over(self, sink: Sink) -> None:
        """The group gives `sink` what nobody serves."""
        for index in self.unowned():
            sink.take_over(index)

    def unowned(self) -> list[int]:
        return [index for index in range(self.topics.partitions) if self.owner_of(index) is None]

    def crash(self, sink: Sink) -> None:
        """Nothing of it is left but what it committed; another worker starts in its place."""
        for flight in sink.flights:
            self.give_up(flight)
        self.sinks[self.sinks.index(sink)] = Sink(self, sink.name)

    def turn(self, sink: Sink, fate: str = "") -> None:
        """One turn of `sink`, then its calls; with the fate ``sleep`` it is paused before they are made."""
        try:
            sink.turn(fate)
        except Crash:
            self.crash(sink)
        else:
            if fate == "sleep":
                sink.asleep_since = self.world.now
            else:
                sink.send()

    def give_up(self, flight: Flight) -> None:
        """Its caller is gone."""
        if flight.asked is not None:
            self.world.lose(flight.asked, self.lost_after)
        if flight.call is not None:
            flight.call.close()

    def pass_by(self, seconds: float) -> None:
        """Time goes on. Calls without an answer are lost; whoever slept too long is given up by the group."""
        until = self.world.now + seconds
        for flight in sorted(self.flights, key=lambda one: one.asked.at if one.asked else 0.0):
            asked = flight.asked
            if asked is not None and asked.at + TIMEOUT <= until:
                self.world.pass_by(max(self.world.now, asked.at + TIMEOUT))
                self.world.lose(asked, self.lost_after)
                flight.answer(None, InDoubt("no answer in time"))
        self.world.pass_by(until)
        for sink in self.sinks:
            if sink.asleep_since is not None and self.world.now >= sink.asleep_since + SESSION:
                sink.member = False

    def change(self, id_: str, **changes: Any) -> None:
        """An operator changes a connection."""
        self.connections[id_] = msgspec.structs.replace(self.connections[id_], **changes)
        self.revision += 1

    def intended(self, command: str) -> bool:
        """Whether the ledger says that a command may be called now."""
        for index in range(self.topics.partitions):
            for key, value in self.log.last(self.topics.ledger, index):
                if key.decode().endswith(f"/{command}"):
                    return self.codec.decode(LedgerRow, value).state is LedgerState.INTENT
        return False


@dataclass
class _Clock:
    world: World

    def now(self) -> float:
        return self.world.now

    def monotonic(self) -> float:
        return self.world.now
