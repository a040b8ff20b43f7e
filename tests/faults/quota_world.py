"""A connection's owner and the app that it calls, in virtual time: the app's true time, and the worker's own clock.

The owner is the pipeline's own, with its limiter and what it writes down. The app counts calls as they arrive, by its
own time; its counts alone are judged by.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.apps.base import Applied, Call, Quota, Request
from pipeline.clock import SystemClock
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, ConnectionState, Lane, LedgerRow
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from tests.sinks.toy import BOX, TOPICS, Make, MakeInput, ToyApp, applied, command, ref

WINDOW = 60.0
"""Seconds in which the app counts; the pipeline keeps a second more."""
SLOWEST = 0.9
"""Seconds that a call travels at most."""
MOST = 3
"""Calls of a command."""
TURN = 0.25
LONG_TURN = 2.0
"""Seconds between two turns of the worker at most: with calls under way, and without."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the app takes: calls in any minute, calls a day of `zone`, calls at once."""

    minute: int
    day: int
    in_flight: int
    zone: str

    def quota(self) -> Quota:
        """As the pipeline is told."""
        return Quota(windows=((self.minute, WINDOW + 1),), day=self.day, in_flight=self.in_flight)


class _Several(Make):
    """An action of one to three calls."""

    def plan(self, input: MakeInput, view: object) -> Call:
        return Call("create", Request("PUT", "/things"), most=int(input.value))


class _App(ToyApp):
    def __init__(self, quota: Quota) -> None:
        super().__init__(quota)
        self.actions = {"make": _Several()}


@dataclass(eq=False)
class _Flight:
    start: Start
    owner: Owner
    made: int = 0
    sent: float = 0.0


@dataclass
class Counts:
    """What the app has seen, by its own time."""

    arrivals: list[float] = field(default_factory=list)

    def over(self, allowed: Allowed) -> list[str]:
        """Each minute and each day that held more than it may; a minute is told by the call that was too many."""
        found = []
        for newest, at in enumerate(self.arrivals):
            if newest >= allowed.minute and at - self.arrivals[newest - allowed.minute] < WINDOW:
                found.append(f"more than {allowed.minute} calls in the minute to {_local(at, allowed)}")
        days = Counter(_local(at, allowed).date() for at in self.arrivals)
        found += [
            f"{count} calls on {day}, {allowed.day} are allowed" for day, count in days.items() if count > allowed.day
        ]
        return found


def _local(at: float, allowed: Allowed) -> datetime:
    return datetime.fromtimestamp(at, ZoneInfo(allowed.zone))


class QuotaWorld:
    """`now` is the app's time. `wall` is what the machine's clock shows: it may be set."""

    def __init__(self, rng: random.Random, allowed: Allowed, begins: float) -> None:
        self.now = begins
        self.set_by = 0.0
        self.counts = Counts()
        self.ended: Counter[str] = Counter()
        self.sent = 0
        self._rng = rng
        self._allowed = allowed
        self._codec = Codec()
        self._numbers = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._state: ConnectionState | None = None
        self._ledger: dict[bytes, LedgerRow] = {}
        self._topic: deque[Entry] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._flights: list[_Flight] = []
        self._flying = 0
        self.owner = self._new_owner()

    # --- what happens -------------------------------------------------------------------------------------------

    def send(self, count: int, lane: Lane = Lane.LIVE) -> None:
        """So many commands more, of parties of their own."""
        for _ in range(count):
            number = next(self._numbers)
            made = command(f"c{number}", party=f"p{number}", value=str(self._rng.choice([1, 1, 1, 2, MOST])), lane=lane)
            self._topic.append(Entry(made, "t", number, taken=self.now))
            self.sent += 1

    def pass_by(self, seconds: float) -> None:
        """Turns of the worker, and what is due between them. Where it has to wait for its quota, time is skipped."""
        until = self.now + seconds
        while self.now < until:
            idle = not self._flights and not self._outcomes
            step = self._rng.uniform(0.01, LONG_TURN if idle else TURN)
            if idle:
                step = max(step, self._wait(self._serving()) - step)
            self._go_to(min(until, self.now + step))
            self._turn(self._serving())

    def jump(self, seconds: float) -> None:
        """The machine's clock is set."""
        self.set_by += seconds

    def hand_over(self, new_process: bool = True) -> None:
        """In good order: what flies ends, everything is written down, the next one goes on from there."""
        owner = self._serving()
        owner.closing = True
        while any(flight.owner is owner for flight in self._flights):
            self._go_to(self.now + 0.05)
        tick = Tick(self._clock.now())
        self._settle(owner, tick)
        owner.advance(tick)
        owner.give_back(tick)
        self._commit(tick)
        self._take_over(new_process)

    def crash(self, gap: float) -> None:
        """What was sent arrives all the same; what was not sent never is. Nobody serves for `gap` seconds."""
        owner = self._serving()
        for flight in [flight for flight in self._flights if flight.owner is owner]:
            flight.owner = _NOBODY
        self.owner = None
        self._go_to(self.now + gap)
        self._take_over(new_process=True)

    @property
    def left(self) -> int:
        return self.sent - sum(self.ended.values())

    def _wait(self, owner: Owner) -> float:
        """Seconds until any command may start that is ready."""
        limiter, now = owner.state.limiter, self._clock.now()
        return min((limiter.wait(now, MOST, lane) for lane in Lane if owner.parties.ready(lane)), default=0.0)

    # --- the worker ---------------------------------------------------------------------------------------------

    def _turn(self, owner: Owner) -> None:
        tick = Tick(self._clock.now())
        self._settle(owner, tick)
        while self._topic and owner.wants(self._topic[0].lane):
            entry = self._topic.popleft()
            entry.taken = tick.now
            owner.add(entry)
        owner.advance(tick)
        self._commit(tick)
        for start in tick.starts:
            flight = _Flight(start, owner)
            self._flights.append(flight)
            self._at(self._rng.uniform(0.0, 0.02), lambda flight=flight: self._call(flight))  # type: ignore[misc]

    def _settle(self, owner: Owner, tick: Tick) -> None:
        while self._outcomes:
            outcome = self._outcomes.popleft()
            if outcome.start.owner is owner:
                owner.settle(outcome, tick)

    def _commit(self, tick: Tick) -> None:
        for out in tick.outs:
            if out.topic == TOPICS.state and out.value is not None:
                self._state = self._codec.decode(ConnectionState, out.value)
            elif out.topic == TOPICS.ledger and out.value is None:
                self._ledger.pop(out.key, None)
                self.ended[out.key.decode()] += 1
            elif out.topic == TOPICS.ledger and out.value is not None:
                self._ledger[out.key] = self._codec.decode(LedgerRow, out.value)

    def _take_over(self, new_process: bool) -> None:
        self.owner = self._new_owner(new_process)
        self._outcomes.clear()

    def _new_owner(self, new_process: bool = True) -> Owner | None:
        if new_process:
            self._clock = SystemClock(lambda: self.now + self.set_by, lambda: self.now)
        app = _App(self._allowed.quota())
        state = OwnerState(Connection(id="c", app="toy"), app, BOX, self._clock.now)
        if self._state is None:
            state.checked({"time_zone": self._allowed.zone})
        else:
            state.restore(self._state)
        owner = Owner(0, app, state, Shared(TOPICS, self._codec, MappingTable(), self._rng.random, 1e9))
        owner.restore([restored(row, self._clock.now()) for row in self._ledger.values()], self._clock.now())
        return owner

    def _serving(self) -> Owner:
        assert self.owner is not None
        return self.owner

    # --- calls --------------------------------------------------------------------------------------------------

    def _call(self, flight: _Flight) -> None:
        """It has its turn on the event loop: it waits for a slot, then sends its next call."""
        if flight not in self._flights or flight.owner is _NOBODY:
            self._forget(flight)
        elif flight.made == 0 and (flight.owner.closing or flight.owner.held_up(check=False)):
            self._end(flight, NotStarted())
        elif flight.made == 0 and self._flying >= flight.owner.state.limiter.in_flight_limit:
            self._at(0.02, lambda: self._call(flight))
        else:
            self._flying += flight.made == 0
            flight.made += 1
            flight.sent = self._clock.now()
            travels = self._rng.uniform(0.0, SLOWEST)
            self._at(travels, self._arrive)
            self._at(travels + self._rng.uniform(0.0, SLOWEST), lambda: self._answered(flight))

    def _arrive(self) -> None:
        self.counts.arrivals.append(self.now)

    def _answered(self, flight: _Flight) -> None:
        if flight.owner is not _NOBODY and flight.made < self._rng.randint(1, flight.start.budget):
            self._call(flight)
            return
        self._flying -= 1
        self._end(flight, None)

    def _end(self, flight: _Flight, error: Exception | None) -> None:
        if flight.owner is not _NOBODY:
            value = None if error else self._value(flight.start)
            self._outcomes.append(Outcome(flight.start, value, error, flight.made, flight.sent))
        self._forget(flight)

    def _value(self, start: Start) -> Applied | dict[str, str]:
        """What a command made, or what the start-up checks found."""
        if start.entry is None:
            return {"time_zone": self._allowed.zone}
        party = start.entry.command.party
        return applied(ref(party), f"x-{party}")

    def _forget(self, flight: _Flight) -> None:
        if flight in self._flights:
            self._flights.remove(flight)

    # --- time ---------------------------------------------------------------------------------------------------

    def _at(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self._numbers), what))

    def _go_to(self, until: float) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, what = heapq.heappop(self._agenda)
            what()
        self.now = until


_NOBODY: Owner = object()  # type: ignore[assignment]  # a crashed worker's calls belong to none
