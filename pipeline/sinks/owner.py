"""The owner of one connection: decides what starts, what waits and how each command ends.

No I/O: commands and outcomes come in, records and calls to start go out in a `Tick`. One thread owns it all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
import structlog

from pipeline.apps import base
from pipeline.apps.base import App, Applied
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait
from pipeline.schemas.records import Command, Lane, LedgerState, Status, mapping_key
from pipeline.sinks import records
from pipeline.sinks.backoff import backoff
from pipeline.sinks.checking import Checks, wait_until
from pipeline.sinks.echo import unclaimed
from pipeline.sinks.ending import events, write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.ledger import erase, store
from pipeline.sinks.order import Order
from pipeline.sinks.outcome import Interrupted, NotStarted, Outcome
from pipeline.sinks.parties import LANES
from pipeline.sinks.planning import plan_command
from pipeline.sinks.polling import Polls
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState
from pipeline.sinks.telling import Teller
from pipeline.sinks.tick import Start, Tick
from pipeline.sinks.timers import Timers
from pipeline.sinks.unsettled import Reading, Unsettled
from pipeline.sinks.verbs import VERBS, obey

log = structlog.get_logger(__name__)

TICK_OF_ORDER = 2e-6
"""Seconds between two commands of a connection; the ledger keeps microseconds."""
DEFECTS = 3
"""Attempts after which an unforeseen exception of an action refuses its command."""
TRIES = 100
"""Attempts without effect after which a person has to look. While nobody answers, the breaker tries few commands."""
A_MINUTE = 60.0
FOR_A_PERSON = frozenset({"conflict", "currency", "exhausted", "forbidden", "not_found"})
"""Causes that later commands of the party would meet again, or must not overtake, until a person has settled them."""
OPEN_COMMANDS = 50_000
"""Commands of a connection that may be open: parked, waiting, queued behind their party. They are held in memory."""


class Owner:
    """Serves one connection while its worker holds the partition `index`."""

    def __init__(self, index: int, app: App, state: OwnerState, shared: Shared) -> None:
        self.index = index
        self.app = app
        self.state = state
        self.shared = shared
        self.closing = False
        self.order = Order(shared.mappings.has, self._makes)
        self.parties = self.order.parties
        self.armed = 0
        self._fresh: list[Entry] = []
        self._known: dict[str, Entry] = {}
        self._timers = Timers()
        self._verbs: list[Entry] = []
        self._last_taken = 0.0
        self._checks = Checks(state)
        self.unsettled = Unsettled(self._known, app, state, shared.mappings)
        self._fetched: list[tuple[Entry, Applied, Reading]] = []
        self._polls = Polls(state)
        self.teller = Teller(app, state, shared)
        self._halted = False

    # --- what comes in ------------------------------------------------------------------------------------------

    @property
    def calling(self) -> bool:
        """Whether any call is armed or in flight."""
        return bool(self.armed) or self._checks.under_way or bool(self._polls.under_way)

    @property
    def window(self) -> int:
        """How many calls may be armed: more than may be in flight, so that a slot that falls free is filled at once."""
        return 2 * self.state.limiter.in_flight_limit

    def wants(self, lane: Lane) -> bool:
        """Whether a command of `lane` would start soon if it were taken."""
        return self.parties.ready(lane) + self.armed < self.window and len(self.parties) < OPEN_COMMANDS

    def add(self, entry: Entry) -> None:
        """A command was taken from its topic. One that is open already will have its one result anyway.

        One that was set aside and is sent again goes on, before what is behind it.
        """
        command = entry.command
        if command.action in VERBS:
            self._verbs.append(entry)
            return
        known = self._known.get(command.id)
        if known is not None:
            if known.state is LedgerState.ASIDE and entry.redrive > known.redrive:
                self.try_again(known, entry.redrive)
            return
        self._known[command.id] = entry
        self._fresh.append(entry)
        # Strictly later than all before, whatever the clocks of this worker and its predecessors say: it is the order.
        entry.taken = self._last_taken = max(entry.taken, self._last_taken + TICK_OF_ORDER)
        self.order.add(entry)

    def try_again(self, entry: Entry, round_: int) -> None:
        """What was set aside, as round `round_` of its being sent again."""
        entry.redrive, entry.cause, entry.reason = round_, None, ""
        entry.attempts = entry.calls = 0
        entry.started, entry.stored = 0.0, False
        self._fresh.append(entry)
        self.order.retry(entry)

    def restore(self, entries: Iterable[Entry], now: float) -> None:
        """Go on from what the predecessor left, in the order it had taken it."""
        heads = []
        for entry in sorted(entries, key=lambda each: (each.taken, each.topic, each.offset)):
            self._known[entry.command.id] = entry
            self._last_taken = max(self._last_taken, entry.taken)
            if self.order.restore(entry):
                heads.append(entry)
            elif entry.state is not LedgerState.QUEUED:
                self._activate(entry, now)
        for head in heads:
            self._activate(head, now)

    def release(self, key: str) -> None:
        """A mapping has landed: what waited for it may go on."""
        self.order.release(key)

    def release_mapped(self) -> None:
        """As `release`, for every key that is mapped by now."""
        self.order.release_mapped()

    def settle(self, outcome: Outcome, tick: Tick) -> None:
        """A call has ended."""
        entry = outcome.start.entry
        if outcome.day is not None and self.state.limiter.learn(tick.now, outcome.day, outcome.sent):
            self.state.dirty = True
        if entry is None:
            if outcome.start.poll is not None:
                self._polls.end(self, outcome, tick, outdated=self._outdated(outcome))
            else:
                self._checks.end(outcome, self._outdated(outcome))
            self._halted = False
            return
        self.armed -= 1
        self.state.limiter.settle(entry.stamp, entry.reserved, outcome.made, outcome.sent or tick.now)
        self.state.dirty = self.state.dirty or self.state.counted
        entry.calls += outcome.made
        self._hear(outcome, tick.now)
        match outcome.error:
            case None:
                assert isinstance(outcome.value, Applied)
                if entry.command.emit is None:
                    self._applied(entry, outcome.value, tick)
                else:
                    trigger = entry.command.emit.type.partition(".")[2]
                    reading = self.unsettled.read(trigger, entry.command.run.subject)
                    self._fetched.append((entry, outcome.value, reading))
                    self._go_on_with_fetched(tick)
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

    def _hear(self, outcome: Outcome, now: float) -> None:
        """What a call tells of the app as a whole: whether anybody is there, and how many calls it takes at once."""
        state = self.state
        match outcome.error:
            case NotStarted() | Interrupted():
                return
            case Retry() | InDoubt():
                state.breaker.failed(now)
                state.dirty = True
            case _ if state.breaker.failures:
                state.breaker.answered()
                state.dirty = True
        if outcome.error is None and state.limiter.answered():
            state.dirty = True

    def heed(self, error: Exception) -> None:
        """On the event loop: an answer that stops the connection counts at once, also for calls that are armed."""
        self._halted = (
            self._halted or isinstance(error, Stopped) or (isinstance(error, Wait) and error.scope == "connection")
        )

    def held_up(self, *, check: bool) -> bool:
        """On the event loop: whether armed calls have to be handed back. `check`: those of the start-up checks."""
        state = self.state
        blocked = self._halted or state.now() < state.limiter.blocked_until
        return blocked or state.paused or (not check and not state.running)

    def _outdated(self, outcome: Outcome) -> bool:
        """It tells of credentials or settings that were replaced since."""
        return outcome.connection is not None and outcome.connection is not self.state.connection

    def recall(self, start: Start) -> None:
        """A call that was armed and will not start here."""
        entry = start.entry
        if entry is None:
            (self._checks if start.poll is None else self._polls).recall()
            return
        self.armed -= 1
        self.state.limiter.settle(entry.stamp, entry.reserved, 0, 0.0)
        self.state.dirty = self.state.dirty or self.state.counted
        entry.state = LedgerState.QUEUED
        self.parties.make_ready(entry)

    # --- what goes out ------------------------------------------------------------------------------------------

    def advance(self, tick: Tick) -> None:
        """Start what may start, and write down what may not."""
        self._run_timers(tick)
        for verb in self._verbs:
            obey(self, verb, tick)
        self._verbs.clear()
        self._go_on_with_fetched(tick)
        self._polls.go_on(self, tick)
        if not self.closing:
            if self.state.must_check(tick.now):
                self._checks.begin(self, tick)
            if self.state.running and self.state.profile is not None:
                for lane in LANES:
                    while (entry := self.parties.next(lane)) is not None:
                        if not self._start(entry, tick):
                            break
                self._polls.begin(self, tick)
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
            if entry.state is LedgerState.ASIDE:
                erase(entry, tick, self.index, self.shared)
                self.forget(entry)
            elif entry.state is not LedgerState.INTENT:
                self._refuse(entry, "unknown", "connection", why, tick)

    def give_back(self, tick: Tick) -> None:
        """Before the partition is handed over: what was armed and never called is queued, not in doubt."""
        for entry in self.parties.entries():
            if entry.ready_in is not None and entry.stored:
                self._store(entry, tick)

    def _start(self, entry: Entry, tick: Tick) -> bool:
        """False when nothing of this lane can start now."""
        limiter = self.state.limiter
        if self.armed >= self.window or not self.state.breaker.allows(tick.now, self.armed):
            return False
        assert entry.ready_in is not None
        if limiter.wait(tick.now, 1, entry.ready_in) > 0:
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
                if limiter.wait(tick.now, plan.most, entry.ready_in) > 0:
                    return False
                self._arm(entry, plan, tick)
            case base.Park():
                self._park(entry, plan, tick)
            case base.Refuse():
                self._refuse(entry, plan.cause, plan.code, plan.message, tick)
            case base.Skip():
                self._finish(entry, Ending(status=Status.SKIPPED, warnings=(plan.message,)), tick)
            case base.Unchanged():
                ending = Ending(Status.UNCHANGED, "unchanged", plan.object, plan.output, pair=plan.pair)
                self._finish(entry, ending, tick)
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

    def _applied(self, entry: Entry, done: Applied, tick: Tick, *, echo: str = "") -> None:
        """`echo`: what was fetched is a write of ours to this pair of connections."""
        done = unclaimed(done, entry.command.scope, self.shared.mappings)
        if done.pair is not None:
            clash = self.shared.mappings.clash(entry.command.scope, done.pair)
            if clash:
                self._refuse(entry, "conflict", "mapping_clash", clash, tick)
                return
        if done.go_on is not None:
            self._go_on(entry, done, tick)
        else:
            self._finish(entry, records.applied(done, doubted=entry.doubted, echo=echo), tick)

    def _go_on(self, entry: Entry, done: Applied, tick: Tick) -> None:
        """A command that goes on: what it found so far and where the next attempt begins are in one transaction."""
        command, topic = entry.command, self.shared.topics.events(self.app.name)
        try:
            said = [(event.key, self._encode(event)) for event in events(command, done.found, self.shared, self.teller)]
        except Exception:
            log.exception("what an action found cannot be written down", command=command.id)
            self._refuse(entry, "defect", "internal", "what it found cannot be written down", tick)
            return
        for key, value in said:
            tick.say(self.index, topic, key, value)
        entry.command = msgspec.structs.replace(command, input={**command.input, **(done.go_on or {})})
        entry.state, entry.attempts, entry.doubted = LedgerState.QUEUED, 0, False
        self.parties.make_ready(entry)
        self._store(entry, tick)

    def _go_on_with_fetched(self, tick: Tick) -> None:
        """What was fetched while a write was open that may have made it. A successor fetches it again."""
        held, self._fetched = self._fetched, []
        for entry, done, reading in held:
            if self.unsettled.settled(reading):
                self._applied(entry, done, tick, echo=self.unsettled.echo(reading))
            else:
                self._fetched.append((entry, done, reading))

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
                    limiter.one_too_many()
                    self.state.dirty = True
                self._wait(entry, LedgerState.WAITING, until, str(error), tick)
            case InDoubt() if self.app.actions[entry.command.action].repeat != "read":
                entry.doubted = True
                self._wait(entry, LedgerState.DOUBT, now + self.state.quiet_period, str(error), tick)
            case Retry() if entry.attempts >= TRIES:
                self._refuse(entry, "exhausted", error.code, f"tried {entry.attempts} times: {error}", tick)
            case Retry() | InDoubt() | _:
                delay = backoff(entry.attempts, self.shared.random)
                self._wait(entry, LedgerState.WAITING, now + delay, str(error), tick)

    def _wait(self, entry: Entry, state: LedgerState, due: float, reason: str, tick: Tick) -> None:
        entry.state, entry.reason = state, reason
        self._timers.set(entry, due)
        self._store(entry, tick)

    def _park(self, entry: Entry, plan: base.Park, tick: Tick) -> None:
        entry.reason = plan.message
        entry.passable = plan.passable
        self._timers.set(entry, tick.now + self.shared.patience if plan.passable else entry.taken + self.shared.parking)
        self.order.park(entry, mapping_key(entry.command.scope, plan.ref))
        self._store(entry, tick)

    def _makes(self, command: Command) -> str:
        """The mapping key whose object carrying out `command` would give its counterpart, "" for none."""
        plan = self._try_plan(command)
        if isinstance(plan, base.Call) and plan.source is not None:
            return mapping_key(command.scope, plan.source)
        return ""

    def _try_plan(self, command: Command) -> base.Plan | None:
        try:
            return plan_command(command, self.app, self.state, self.shared.mappings)
        except Exception:
            return None

    def _activate(self, entry: Entry, now: float) -> None:
        """Go on with `entry` from where its predecessor's owner was."""
        match entry.state:
            case LedgerState.QUEUED:
                self.order.go_on(entry)
            case LedgerState.INTENT:
                action = self.app.actions.get(entry.command.action)
                if action is None or action.repeat == "read":
                    entry.state = LedgerState.QUEUED
                    self.parties.make_ready(entry)
                else:
                    entry.state, entry.doubted = LedgerState.DOUBT, True
                    self._timers.set(entry, now + self.state.quiet_period)
            case LedgerState.WAITING | LedgerState.DOUBT:
                self._timers.set(entry, entry.due)
            case LedgerState.PARKED:
                plan = self._try_plan(entry.command)
                entry.passable = isinstance(plan, base.Park) and plan.passable
                waits = now + self.shared.patience if entry.passable else entry.taken + self.shared.parking
                self._timers.set(entry, waits)
                self.order.park(entry, entry.waits_for)
            case LedgerState.ASIDE:
                pass

    def _run_timers(self, tick: Tick) -> None:
        for entry in self._timers.due(tick.now):
            if entry.state in (LedgerState.WAITING, LedgerState.DOUBT):
                entry.state = LedgerState.QUEUED
                self.parties.make_ready(entry)
            elif entry.state is LedgerState.PARKED and self.state.running and entry.passable:
                if self.order.is_made(entry):
                    self._timers.set(entry, tick.now + self.shared.patience)
                else:
                    self._finish(entry, Ending(status=Status.SKIPPED, warnings=(entry.reason,)), tick)
            elif entry.state is LedgerState.PARKED and self.state.running:
                message = f"given up after {timedelta(seconds=round(tick.now - entry.taken))}: {entry.reason}"
                self._refuse(entry, "waited", "deadline", message, tick)
            elif entry.state is LedgerState.PARKED:
                self._timers.set(entry, tick.now + A_MINUTE)

    def _refuse(self, entry: Entry, kind: str, code: str, message: str, tick: Tick) -> None:
        """For good, or until a person has settled what its party would meet again."""
        ending = records.refused(kind, code, message)
        action = self.app.actions.get(entry.command.action)
        if kind in FOR_A_PERSON and action is not None and action.repeat != "read":
            write_ending(entry, ending, tick, self.index, self.shared)
            entry.cause, entry.reason = ending.cause, message
            self.order.set_aside(entry)
            self._store(entry, tick)
        else:
            self._finish(entry, ending, tick)

    def _finish(self, entry: Entry, ending: Ending, tick: Tick) -> None:
        """Write the one result, and all that follows from it, into the tick."""
        write_ending(entry, ending, tick, self.index, self.shared, self.teller)
        self.forget(entry)

    def forget(self, entry: Entry) -> None:
        """It has ended; the next of its party goes on."""
        self._known.pop(entry.command.id, None)
        self.order.remove(entry)

    def _store(self, entry: Entry, tick: Tick) -> None:
        store(entry, tick, self.index, self.shared)

    def _encode(self, record: msgspec.Struct) -> bytes:
        return self.shared.codec.encode(record)
