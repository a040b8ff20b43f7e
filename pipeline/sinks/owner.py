"""The owner of one connection: decides what starts, what waits and how each command ends.

No I/O: commands and outcomes come in, records and calls to start go out in a `Tick`. One thread owns it all.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable

import msgspec
import structlog

from pipeline.apps import base
from pipeline.apps.base import App, Applied
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait
from pipeline.schemas.records import Command, Lane, LedgerState, Status, mapping_key
from pipeline.sinks import records
from pipeline.sinks.backoff import backoff
from pipeline.sinks.checking import Checks, wait_until
from pipeline.sinks.ending import write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.ledger import store
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.parties import Parties
from pipeline.sinks.planning import plan_command
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Start, Tick

log = structlog.get_logger(__name__)

TICK_OF_ORDER = 2e-6
"""Seconds between two commands of a connection; the ledger keeps microseconds."""
OPEN = frozenset({LedgerState.INTENT, LedgerState.WAITING, LedgerState.DOUBT})
"""A call has been made, or may have been: of a party, one command at a time."""
DEFECTS = 3
"""Attempts after which an unforeseen exception of an action refuses its command."""


class Owner:
    """Serves one connection while its worker holds the partition `index`."""

    def __init__(self, index: int, app: App, state: OwnerState, shared: Shared) -> None:
        self.index = index
        self.app = app
        self.state = state
        self.shared = shared
        self.closing = False
        self.parties = Parties()
        self.armed = 0
        self._fresh: list[Entry] = []
        self._known: set[str] = set()
        self._timers: list[tuple[float, int, Entry]] = []
        self._sequence = itertools.count()
        self._parked: dict[str, list[Entry]] = {}
        self._passing: dict[str, Entry] = {}
        """By party: the one command that may pass its parked head."""
        self._last_taken = 0.0
        self._checks = Checks(state)
        self._halted = False

    # --- what comes in ------------------------------------------------------------------------------------------

    @property
    def calling(self) -> bool:
        """Whether any call is armed or in flight."""
        return bool(self.armed) or self._checks.under_way

    @property
    def window(self) -> int:
        """How many calls may be armed: more than may be in flight, so that a slot that falls free is filled at once."""
        return 2 * self.state.limiter.in_flight_limit

    def wants(self) -> bool:
        """Whether taking another command would let it start soon."""
        return self.parties.ready + self.armed < self.window

    def add(self, entry: Entry) -> None:
        """A command was taken from its topic. One that is open already will have its one result anyway."""
        command = entry.command
        if command.id in self._known:
            return
        self._known.add(command.id)
        self._fresh.append(entry)
        # Strictly later than all before, whatever the clocks of this worker and its predecessors say: it is the order.
        entry.taken = self._last_taken = max(entry.taken, self._last_taken + TICK_OF_ORDER)
        if self.parties.add(entry):
            self.parties.make_ready(entry)
        else:
            self._let_pass(command.party, [entry])

    def restore(self, entries: Iterable[Entry], now: float) -> None:
        """Go on from what the predecessor left, in the order it had taken it."""
        heads = []
        for entry in sorted(entries, key=lambda each: (each.taken, each.topic, each.offset)):
            self._known.add(entry.command.id)
            self._last_taken = max(self._last_taken, entry.taken)
            if self.parties.add(entry):
                heads.append(entry)
            elif entry.state is not LedgerState.QUEUED:
                if entry.state in OPEN:
                    self._passing[entry.command.party] = entry
                self._activate(entry, now)
        for head in heads:
            self._activate(head, now)

    def release(self, key: str) -> None:
        """A mapping has landed: what waited for it may go on."""
        for entry in self._parked.pop(key, ()):
            if entry.ended:
                continue
            entry.waits_for = entry.reason = ""
            entry.state = LedgerState.QUEUED
            self._go_on(entry)

    def release_mapped(self) -> None:
        """As `release`, for every key that is mapped by now."""
        for key in [key for key in self._parked if self.shared.mappings.has(key)]:
            self.release(key)

    def settle(self, outcome: Outcome, tick: Tick) -> None:
        """A call has ended."""
        entry = outcome.start.entry
        if entry is None:
            self._checks.end(outcome, self._outdated(outcome))
            self._halted = False
            return
        self.armed -= 1
        self.state.limiter.settle(entry.stamp, entry.reserved, outcome.made, outcome.sent or tick.now)
        self.state.dirty = self.state.dirty or self.state.counted
        entry.calls += outcome.made
        match outcome.error:
            case None:
                assert isinstance(outcome.value, Applied)
                self._applied(entry, outcome.value, tick)
            case NotStarted():
                entry.state = LedgerState.QUEUED
                self.parties.make_ready(entry)
            case Stopped() if self._outdated(outcome):
                self._failed(entry, Retry("the connection was changed meanwhile"), tick)
            case EffectError() as error:
                entry.attempts += 1
                self._failed(entry, error, tick)
            case error:
                entry.attempts += 1
                log.error("action raised", action=entry.command.action, command=entry.command.id, exc_info=error)
                if entry.attempts < DEFECTS:
                    self._failed(entry, InDoubt(f"{type(error).__name__} in {entry.command.action}"), tick)
                else:
                    self._refuse(entry, "defect", "internal", f"{type(error).__name__} in {entry.command.action}", tick)
        self._halted = False

    def heed(self, error: Exception) -> None:
        """On the event loop: an answer that stops the connection counts at once, also for calls that are armed."""
        self._halted = (
            self._halted or isinstance(error, Stopped) or (isinstance(error, Wait) and error.scope == "connection")
        )

    def held_up(self, *, check: bool) -> bool:
        """On the event loop: whether armed calls have to be handed back. `check`: those of the start-up checks."""
        state = self.state
        blocked = self._halted or state.now() < state.limiter.blocked_until
        return blocked or (not check and not state.running)

    def _outdated(self, outcome: Outcome) -> bool:
        """It tells of credentials or settings that were replaced since."""
        return outcome.connection is not None and outcome.connection is not self.state.connection

    def recall(self, start: Start) -> None:
        """A call that was armed and will not start here."""
        entry = start.entry
        if entry is None:
            self._checks.recall()
            return
        self.armed -= 1
        self.state.limiter.settle(entry.stamp, entry.reserved, 0, 0.0)
        self.state.dirty = self.state.dirty or self.state.counted
        entry.state = LedgerState.QUEUED
        self.parties.make_ready(entry)

    # --- what goes out ------------------------------------------------------------------------------------------

    def advance(self, tick: Tick) -> None:
        """Start what may start, and write down what may not."""
        self._run_timers(tick.now)
        if not self.closing:
            if self.state.must_check(tick.now):
                self._checks.begin(self, tick)
            if self.state.running and self.state.profile is not None:
                for lane in (Lane.LIVE, Lane.BULK):
                    while (entry := self.parties.next(lane)) is not None:
                        if not self._start(entry, tick):
                            break
        for entry in self._fresh:
            if not entry.stored and entry.command.id in self._known:
                self._store(entry, tick)
        self._fresh.clear()
        if self.state.dirty:
            self.state.dirty = False  # before it is read: the event loop may change the token meanwhile
            tick.say(
                self.index,
                self.shared.topics.state,
                self.state.id.encode(),
                self._encode(self.state.record()),
                self.index,
            )

    def dismiss(self, why: str, tick: Tick) -> None:
        """The connection is gone: everything but calls under way is refused."""
        for entry in list(self.parties.entries()):
            if entry.state is not LedgerState.INTENT:
                self._refuse(entry, "unknown", "connection", why, tick)

    def give_back(self, tick: Tick) -> None:
        """Before the partition is handed over: what was armed and never called is queued, not in doubt."""
        for entry in self.parties.entries():
            if entry.ready and entry.stored:
                self._store(entry, tick)

    def _start(self, entry: Entry, tick: Tick) -> bool:
        """False when nothing of this lane can start now."""
        limiter = self.state.limiter
        if self.armed >= self.window or limiter.wait(tick.now, 1, entry.lane) > 0:
            return False
        try:
            plan = plan_command(entry.command, self.app, self.state, self.shared.mappings)
        except Refused as error:
            self._refuse(entry, error.cause, error.code, str(error), tick)
            return True
        except Exception as error:
            log.error("plan raised", action=entry.command.action, command=entry.command.id, exc_info=error)
            self._refuse(entry, "defect", "internal", f"{type(error).__name__} while planning", tick)
            return True
        match plan:
            case base.Call():
                if limiter.wait(tick.now, plan.most, entry.lane) > 0:
                    return False
                self._arm(entry, plan, tick)
            case base.Park():
                self._park(entry, plan, tick)
            case base.Refuse():
                self._refuse(entry, plan.cause, plan.code, plan.message, tick)
            case base.Skip():
                self._finish(entry, Ending(status=Status.SKIPPED, warnings=(plan.message,)), tick)
            case base.Unchanged():
                self._finish(entry, Ending(Status.UNCHANGED, "unchanged", plan.object, plan.output), tick)
            case base.Superseded():
                self._finish(entry, Ending(Status.SUPERSEDED, "superseded", plan.object, plan.output), tick)
        return True

    def _arm(self, entry: Entry, call: base.Call, tick: Tick) -> None:
        self.parties.hold(entry)
        entry.call = call
        entry.reserved = call.most
        entry.stamp = self.state.limiter.reserve(tick.now, call.most)
        entry.state = LedgerState.INTENT
        entry.started = entry.started or tick.now
        entry.due = 0.0
        self.state.dirty = self.state.dirty or self.state.counted
        self.armed += 1
        self._store(entry, tick)
        tick.starts.append(Start(self, entry, call, call.most))

    # --- how a command goes on ----------------------------------------------------------------------------------

    def _applied(self, entry: Entry, done: Applied, tick: Tick) -> None:
        self.state.limiter.in_flight_limit = self.state.limiter.quota.in_flight
        if done.pair is not None:
            clash = self.shared.mappings.clash(entry.command.scope, done.pair)
            if clash:
                self._refuse(entry, "conflict", "mapping_clash", clash, tick)
                return
        self._finish(entry, records.applied(done, doubted=entry.doubted), tick)

    def _failed(self, entry: Entry, error: EffectError, tick: Tick) -> None:
        now, limiter = tick.now, self.state.limiter
        match error:
            case Refused():
                self._refuse(entry, error.cause, error.code, str(error), tick)
            case Stopped():
                self.state.stop(str(error))
                log.warning("connection stopped", connection=self.state.id, reason=str(error))
                entry.state, entry.reason = LedgerState.QUEUED, str(error)
                self.parties.make_ready(entry)
                self._store(entry, tick)
            case Wait():
                until = wait_until(error, now)
                if error.scope == "connection":
                    limiter.block(until)
                    self.state.dirty = True
                else:
                    limiter.in_flight_limit = max(1, limiter.in_flight_limit - 1)
                self._wait(entry, LedgerState.WAITING, until, str(error), tick)
            case InDoubt() if self.app.actions[entry.command.action].repeat != "read":
                entry.doubted = True
                self._wait(entry, LedgerState.DOUBT, now + self.state.quiet_period, str(error), tick)
            case Retry() | InDoubt() | _:
                delay = backoff(entry.attempts, self.shared.random)
                self._wait(entry, LedgerState.WAITING, now + delay, str(error), tick)

    def _wait(self, entry: Entry, state: LedgerState, due: float, reason: str, tick: Tick) -> None:
        entry.state, entry.due, entry.reason = state, due, reason
        heapq.heappush(self._timers, (due, next(self._sequence), entry))
        self._store(entry, tick)

    def _park(self, entry: Entry, plan: base.Park, tick: Tick) -> None:
        self.parties.hold(entry)
        entry.state, entry.reason = LedgerState.PARKED, plan.message
        entry.waits_for = mapping_key(entry.command.scope, plan.ref)
        self._parked.setdefault(entry.waits_for, []).append(entry)
        self._store(entry, tick)
        self._go_on(entry)

    def _go_on(self, entry: Entry) -> None:
        """`entry` is not open to a call: what of its party may go on now?"""
        party = entry.command.party
        if self._passing.get(party) is entry:
            del self._passing[party]
        head = self.parties.head(party)
        if head is None or party in self._passing:
            return
        if head.state is LedgerState.PARKED and self.shared.mappings.has(head.waits_for):
            self.release(head.waits_for)
        elif head.state is LedgerState.PARKED:
            self._let_pass(party, itertools.islice(self.parties.queue(party), 1, None))
        elif head.state is LedgerState.QUEUED:
            self.parties.make_ready(head)

    def _let_pass(self, party: str, candidates: Iterable[Entry]) -> None:
        """Let a queued command pass a parked head when it makes what the head waits for: else neither ends."""
        head = self.parties.head(party)
        if head is None or head.state is not LedgerState.PARKED or party in self._passing:
            return
        for entry in candidates:
            if entry.state is LedgerState.QUEUED and self._makes(entry.command, head.waits_for):
                self._passing[party] = entry
                self.parties.make_ready(entry)
                return

    def _makes(self, command: Command, key: str) -> bool:
        """Whether carrying out `command` gives the object of a mapping key its counterpart."""
        plan = self._try_plan(command)
        return (
            isinstance(plan, base.Call) and plan.source is not None and mapping_key(command.scope, plan.source) == key
        )

    def _try_plan(self, command: Command) -> base.Plan | None:
        try:
            return plan_command(command, self.app, self.state, self.shared.mappings)
        except Exception:
            return None

    def _activate(self, entry: Entry, now: float) -> None:
        """Go on with `entry` from where its predecessor's owner was."""
        match entry.state:
            case LedgerState.QUEUED:
                self._go_on(entry)
            case LedgerState.INTENT:
                action = self.app.actions.get(entry.command.action)
                if action is None or action.repeat == "read":
                    entry.state = LedgerState.QUEUED
                    self.parties.make_ready(entry)
                else:
                    entry.state, entry.doubted = LedgerState.DOUBT, True
                    entry.due = now + self.state.quiet_period
                    heapq.heappush(self._timers, (entry.due, next(self._sequence), entry))
            case LedgerState.WAITING | LedgerState.DOUBT:
                heapq.heappush(self._timers, (entry.due, next(self._sequence), entry))
            case LedgerState.PARKED:
                self._parked.setdefault(entry.waits_for, []).append(entry)
                self._go_on(entry)

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            due, _, entry = heapq.heappop(self._timers)
            if not entry.ended and entry.due == due and entry.state in (LedgerState.WAITING, LedgerState.DOUBT):
                entry.state = LedgerState.QUEUED
                self.parties.make_ready(entry)

    def _refuse(self, entry: Entry, kind: str, code: str, message: str, tick: Tick) -> None:
        self._finish(entry, records.refused(kind, code, message), tick)

    def _finish(self, entry: Entry, ending: Ending, tick: Tick) -> None:
        """Write the one result, and all that follows from it, into the tick."""
        write_ending(entry, ending, tick, self.index, self.shared, app=self.app)
        entry.ended = True
        self._known.discard(entry.command.id)
        self.parties.remove(entry)
        self._go_on(entry)

    def _store(self, entry: Entry, tick: Tick) -> None:
        store(entry, tick, self.index, self.shared)

    def _encode(self, record: msgspec.Struct) -> bytes:
        return self.shared.codec.encode(record)
