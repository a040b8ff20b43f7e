"""Owners of one connection in virtual time: the sinks' core with its own records, without Kafka and HTTP.

A worker turns every `STEP` seconds; what it commits is kept as the topics would keep it, and its successor restores
from that. Calls take a random time to arrive at the destination, which counts them, and to be answered.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from pipeline.apps.base import Quota
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, ConnectionState, Lane, LedgerRow
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.outcome import Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick
from tests.sinks.toy import BOX, T0, TOPICS, ToyApp, applied, command, ref, shared

STEP = 0.02
"""Seconds between two turns of a worker: a transaction."""
LATENCY = (0.1, 0.5)
"""Seconds of a call, evenly spread; it arrives after some part of them."""


@dataclass
class Destination:
    """Counts calls by when they arrive."""

    random: Random
    arrivals: list[float] = field(default_factory=list)

    def call(self, now: float) -> float:
        """A call is sent; gives when its answer is back."""
        latency = self.random.uniform(*LATENCY)
        self.arrivals.append(now + latency * self.random.random())
        return now + latency


class Log:
    """The last rows of the ledger and of the connection's state."""

    def __init__(self) -> None:
        self.codec = Codec()
        self._rows: dict[str, dict[bytes, bytes]] = {TOPICS.ledger: {}, TOPICS.state: {}}

    def commit(self, tick: Tick) -> None:
        for out in tick.outs:
            rows = self._rows.get(out.topic)
            if rows is not None and out.value is None:
                rows.pop(out.key, None)
            elif rows is not None and out.value is not None:
                rows[out.key] = out.value

    def entries(self, now: float) -> list[Entry]:
        return [restored(self.codec.decode(LedgerRow, value), now) for value in self._rows[TOPICS.ledger].values()]

    def state(self) -> ConnectionState | None:
        return next((self.codec.decode(ConnectionState, row) for row in self._rows[TOPICS.state].values()), None)


class Worker:
    """One worker that owns the connection from now on, and finds commands of new parties whenever it wants some."""

    def __init__(self, quota: Quota, log: Log, destination: Destination, numbers: count[int], now: float) -> None:
        self.now = now
        self._log, self._destination, self._numbers = log, destination, numbers
        app = ToyApp(quota)
        state = OwnerState(Connection(id="c", app="toy"), app, BOX, lambda: self.now)
        before = log.state()
        if before is None:
            state.checked({"time_zone": "UTC"})
        else:
            state.restore(before)
        self.owner = Owner(0, app, state, shared(codec=log.codec))
        self.owner.restore(log.entries(now), now)
        self._armed: deque[Start] = deque()
        self._flying: list[tuple[float, int, Start, float]] = []

    def turn(self, now: float) -> None:
        self.now = now
        tick = Tick(now)
        while self._flying and self._flying[0][0] <= now:
            _, _, start, sent = heapq.heappop(self._flying)
            self._settle(start, sent, tick)
        while not self.owner.closing and self.owner.wants(Lane.LIVE):
            number = next(self._numbers)
            made = command(f"command-{number}", party=f"party-{number}")
            self.owner.add(Entry(made, TOPICS.commands("toy"), number, taken=now))
        self.owner.advance(tick)
        self._log.commit(tick)
        self._armed += tick.starts
        self._send()

    def leave(self, now: float) -> float:
        """Drain, as before a hand-over; gives when it was done."""
        self.owner.closing = True
        tick = Tick(now)
        for start in self._armed:
            self.owner.recall(start)
        self._armed.clear()
        while self._flying:
            ended, _, start, sent = heapq.heappop(self._flying)
            now = self.now = max(now, ended)
            tick.now = now
            self._settle(start, sent, tick)
        self.owner.advance(tick)
        self.owner.give_back(tick)
        self._log.commit(tick)
        return now

    def _send(self) -> None:
        while self._armed and len(self._flying) < self.owner.state.limiter.in_flight_limit:
            start = self._armed.popleft()
            answered = self._destination.call(self.now)
            heapq.heappush(self._flying, (answered, len(self._destination.arrivals), start, self.now))

    def _settle(self, start: Start, sent: float, tick: Tick) -> None:
        assert start.entry is not None
        done = applied(ref(start.entry.command.party), start.entry.command.id)
        self.owner.settle(Outcome(start, done, None, 1, sent), tick)


def most_within(arrivals: Sequence[float], seconds: float) -> int:
    """The most arrivals that any span of `seconds` holds, its end left out."""
    ordered, first, most = sorted(arrivals), 0, 0
    for place, moment in enumerate(ordered):
        while ordered[first] <= moment - seconds:
            first += 1
        most = max(most, place - first + 1)
    return most


def run(quota: Quota, seconds: float, change: float, away: float | None, seed: int) -> list[float]:
    """When calls arrived, in seconds from the first. After `change` seconds the owner changes.

    `away` None: it hands over. Else it dies, and its successor goes on after so many seconds.
    """
    destination, log, numbers = Destination(Random(seed)), Log(), count()
    now, worker, changed = T0, Worker(quota, log, destination, numbers, T0), False
    while now < T0 + seconds:
        if not changed and now >= T0 + change:
            changed = True
            now = worker.leave(now) if away is None else now + away
            worker = Worker(quota, log, destination, numbers, now)
        worker.turn(now)
        now += STEP
    first = min(destination.arrivals)
    return [moment - first for moment in sorted(destination.arrivals)]
