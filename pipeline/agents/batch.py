"""Deciding a batch: each event ends in one decision, or in one dead letter where it could not even be read.

Events with a fault of ours or of a flow get both: the decision says `failed`, the dead letter is the way back. Each
step of a run ends in its next command, in nothing where the run is over, or in one dead letter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog
from confluent_kafka import Message

from pipeline.agents.dedupe import Dedupe, had_effect, identity
from pipeline.agents.evaluate import Evaluation
from pipeline.agents.incidents import FAILED, Stage, cause_of, dead_letter, headers_of
from pipeline.agents.outgoing import ANY_PARTITION, Headers, Outgoing
from pipeline.apps.base import App
from pipeline.apps.incoming import complete
from pipeline.clock import Clock, utc
from pipeline.errors import PipelineError, Retry, Undecodable
from pipeline.flows.decide import advance, decide
from pipeline.flows.rules import RuleSet
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Cause, Command, Decision, Lane, Step, Verdict
from pipeline.schemas.topics import Topics

log = structlog.get_logger(__name__)

MAX_VALUE_BYTES = 1_000_000
"""Of a decision or command: brokers take a record batch of 1 MiB by default (``max.message.bytes``)."""


class TooLarge(PipelineError):
    """What an event leads to does not fit into a record."""


@dataclass(slots=True)
class _Batch:
    """A batch under evaluation: the rules and the time are the same for all of it."""

    rules: RuleSet
    now: datetime
    outgoing: list[Outgoing] = field(default_factory=list)
    seen: defaultdict[int, set[str]] = field(default_factory=partial(defaultdict, set))
    counts: Counter[str] = field(default_factory=Counter)


class DecideBatch:
    """Decides events and advances runs by the rules of the moment."""

    def __init__(
        self,
        *,
        topics: Topics,
        apps: Mapping[str, App],
        codec: Codec,
        rules: Callable[[], RuleSet],
        dedupe: Dedupe,
        restore: Callable[[int], Collection[str]],
        clock: Clock,
    ) -> None:
        """`restore` reads the identities decided last on a partition, at most as many as the window holds."""
        self._apps = apps
        self._codec = codec
        self._rules = rules
        self._dedupe = dedupe
        self._restore = restore
        self._clock = clock
        self._steps = topics.steps
        self._decisions = topics.decisions
        self._dead_letters = topics.dead_letters
        self._commands = {
            (app, lane): topics.commands(app, bulk=lane is Lane.BULK) for app in topics.apps for lane in Lane
        }

    def take_over(self, partitions: Collection[int]) -> None:
        for partition in sorted(partitions):
            self._dedupe.restore(partition, self._restore(partition))

    def let_go(self, partitions: Collection[int]) -> None:
        self._dedupe.forget(partitions)

    def evaluate(self, messages: Sequence[Message]) -> Evaluation:
        batch = _Batch(self._rules(), utc(self._clock.now()))
        for message in messages:
            mark = len(batch.outgoing)
            try:
                if message.topic() == self._steps:
                    self._advance(message, batch)
                else:
                    self._decide(message, batch)
            except Retry:
                raise
            except Exception as fault:
                log.exception("a record was given up", topic=message.topic(), offset=message.offset())
                del batch.outgoing[mark:]
                self._give_up(message, cause_of(fault), Stage.DECIDE, batch)
        return Evaluation(batch.outgoing, batch.seen, batch.counts)

    def committed(self, evaluation: Evaluation) -> None:
        self._dedupe.remember(evaluation.seen)

    # --- events ---------------------------------------------------------------------------------------------------

    def _decide(self, message: Message, batch: _Batch) -> None:
        try:
            event = complete(self._codec.decode_event(message.value(), headers_of(message), message.key()), self._apps)
        except Undecodable as fault:
            self._give_up(message, cause_of(fault), Stage.DECODE, batch)
            return
        partition = message.partition() or 0
        known = identity(event.connection, event.id, event.replay)
        seen = batch.seen[partition]
        if known in seen or known in self._dedupe.window(partition):
            self._conclude(_verdict(event, Verdict.DUPLICATE, batch.now), (), partition, batch)
            return
        mark = len(batch.outgoing)
        try:
            decided = decide(event, batch.rules, batch.now)
            decision = decided.decision
            self._conclude(decision, decided.commands, partition, batch)
        except Exception as fault:
            log.exception("an event could not be decided", event=event.id, topic=message.topic())
            del batch.outgoing[mark:]
            cause = cause_of(fault)
            self._conclude(_verdict(event, Verdict.FAILED, batch.now, str(fault)), (), partition, batch)
            self._give_up(message, cause, Stage.DECIDE, batch)
            return
        if decision.verdict is Verdict.FAILED:
            self._give_up(message, _why(decision), Stage.DECIDE, batch)
        if had_effect(decision):
            seen.add(known)

    def _conclude(self, decision: Decision, commands: Sequence[Command], partition: int, batch: _Batch) -> None:
        key = f"{decision.connection}/{decision.party}".encode()
        batch.outgoing.append(Outgoing(self._decisions, self._encode(decision), key, partition))
        for command in commands:
            self._send(command, batch)
        batch.counts[decision.verdict] += 1

    # --- runs that go on ------------------------------------------------------------------------------------------

    def _advance(self, message: Message, batch: _Batch) -> None:
        try:
            step = self._codec.decode(Step, message.value() or b"")
        except Undecodable as fault:
            self._give_up(message, cause_of(fault), Stage.DECODE, batch)
            return
        advanced = advance(step, batch.rules, batch.now)
        for command in advanced.commands:
            self._send(command, batch)
        if advanced.decision is not None:
            self._conclude(advanced.decision, (), message.partition() or 0, batch)
            self._give_up(message, _why(advanced.decision), Stage.ADVANCE, batch)
        batch.counts["step"] += 1

    # --- records --------------------------------------------------------------------------------------------------

    def _send(self, command: Command, batch: _Batch) -> None:
        headers: Headers | None = None
        if command.run.traceparent:
            headers = [("traceparent", command.run.traceparent.encode())]
        topic = self._commands[command.app, command.lane]
        batch.outgoing.append(
            Outgoing(topic, self._encode(command), command.connection.encode(), ANY_PARTITION, headers)
        )
        batch.counts["command"] += 1

    def _encode(self, record: Decision | Command) -> bytes:
        value = self._codec.encode(record)
        if len(value) > MAX_VALUE_BYTES:
            raise TooLarge(f"a {type(record).__name__.lower()} of {len(value)} bytes: at most {MAX_VALUE_BYTES}")
        return value

    def _give_up(self, message: Message, cause: Cause, stage: str, batch: _Batch) -> None:
        letter = dead_letter(message, cause, stage=stage, seen=batch.now)
        batch.outgoing.append(Outgoing(self._dead_letters, self._codec.encode(letter), letter.key, letter.partition))
        batch.counts["dead letter"] += 1


def _verdict(event: Event, verdict: Verdict, now: datetime, message: str = "") -> Decision:
    return Decision(
        event_id=event.id,
        event_type=event.type,
        connection=event.connection,
        party=event.party,
        subject=event.subject,
        verdict=verdict,
        message=message,
        replay=event.replay,
        decided=now,
    )


def _why(decision: Decision) -> Cause:
    """The first link's reason, or the event's own."""
    said = [link.message for link in decision.links if link.verdict is Verdict.FAILED]
    return Cause(kind=FAILED, message=said[0] if said else decision.message)
