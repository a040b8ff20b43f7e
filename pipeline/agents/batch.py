"""Deciding a batch: each event ends in one decision, or in one dead letter where it could not even be read.

Events with a fault of ours or of a flow get both: the decision says `failed`, the dead letter is the way back. Each
step of a run ends in its next command, in nothing where the run is over, or in one dead letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

import structlog
from confluent_kafka import Message

from pipeline.agents.dedupe import Dedupe, had_effect, identity
from pipeline.agents.evaluate import Held
from pipeline.agents.incidents import FAILED, Stage, cause_of, dead_letter
from pipeline.agents.outgoing import ANY_PARTITION, Headers, Outgoing
from pipeline.apps.base import App
from pipeline.apps.incoming import complete
from pipeline.clock import Clock, utc
from pipeline.errors import PipelineError, Retry, Undecodable
from pipeline.failpoints import fail_point
from pipeline.flows.decide import Decided, advance, decide
from pipeline.flows.rules import RuleSet
from pipeline.kafka.messages import headers_of
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.letters import encode_letter
from pipeline.schemas.records import Cause, Command, Decision, Step, Verdict
from pipeline.schemas.topics import Topics

log = structlog.get_logger(__name__)

MAX_RECORD_BYTES = 1_000_000
"""Of a decision or command with key and header: brokers take a batch of 1 MiB by default (``max.message.bytes``)."""


class TooLarge(PipelineError):
    """What an event leads to does not fit into a record."""


class DecideBatch:
    """Decides events and advances runs. The rules and the time are the same for the whole of a batch."""

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
        self._live = {app: topics.commands(app) for app in topics.apps}
        self._bulk = {app: topics.commands(app, bulk=True) for app in topics.apps}
        self.counts: Counter[str] = Counter()

    def take_over(self, partitions: Collection[int]) -> None:
        for partition in sorted(partitions):
            self._dedupe.restore(partition, self._restore(partition))

    def let_go(self, partitions: Collection[int]) -> None:
        self._dedupe.forget(partitions)

    def evaluate(self, messages: Sequence[Message]) -> Iterator[Outgoing]:
        rules, now = self._rules(), utc(self._clock.now())
        held = Held()
        for message in messages:
            if held and held.holds(message):
                continue
            try:
                if message.topic() == self._steps:
                    outgoing = self._step(message, rules, now)
                else:
                    outgoing = self._event(message, rules, now)
            except Retry as reason:
                held.add(message, reason)
                continue
            except Undecodable as fault:
                outgoing = [self._letter(message, cause_of(fault), Stage.DECODE, now)]
            except Exception as fault:
                log.exception("a record was given up", topic=message.topic(), offset=message.offset())
                outgoing = [self._letter(message, cause_of(fault), Stage.DECIDE, now)]
            yield from outgoing
        if held:
            raise held

    # --- events ---------------------------------------------------------------------------------------------------

    def _event(self, message: Message, rules: RuleSet, now: datetime) -> list[Outgoing]:
        received = self._codec.decode_event(message.value(), headers_of(message), message.key())
        fail_point("agents.event.decoded")
        event = complete(received, self._apps)
        partition = message.partition() or 0
        known = identity(event.connection, event.id, event.replay)
        window = self._dedupe.window(partition)
        if known in window:
            return self._concluded(Decided(_verdict(event, Verdict.DUPLICATE, now)), partition)
        try:
            decided = decide(event, rules, now)
            fail_point("agents.event.decided")
            outgoing = self._concluded(decided, partition)
        except Exception as fault:
            if not isinstance(fault, PipelineError):
                log.exception("an event could not be decided", id=event.id, topic=message.topic())
            outgoing = self._concluded(Decided(_verdict(event, Verdict.FAILED, now, str(fault))), partition)
            outgoing.append(self._letter(message, cause_of(fault), Stage.DECIDE, now))
            return outgoing
        if had_effect(decided.decision):
            window.add(known)
        if decided.decision.verdict is Verdict.FAILED:
            outgoing.append(self._letter(message, _why(decided.decision), Stage.DECIDE, now))
        return outgoing

    def _concluded(self, decided: Decided, partition: int) -> list[Outgoing]:
        decision = decided.decision
        self.counts[decision.verdict.value] += 1
        key = f"{decision.connection}/{decision.party}".encode()
        said = Outgoing(self._decisions, self._encode(decision, key), key, partition)
        return [said, *(self._command(command) for command in decided.commands)]

    # --- runs that go on ------------------------------------------------------------------------------------------

    def _step(self, message: Message, rules: RuleSet, now: datetime) -> list[Outgoing]:
        step = self._codec.decode(Step, message.value() or b"")
        advanced = advance(step, rules, now)
        self.counts["step"] += 1
        outgoing = [self._command(command) for command in advanced.commands]
        if advanced.decision is not None:
            outgoing += self._concluded(Decided(advanced.decision), message.partition() or 0)
            outgoing.append(self._letter(message, _why(advanced.decision), Stage.ADVANCE, now))
        return outgoing

    # --- records --------------------------------------------------------------------------------------------------

    def _command(self, command: Command) -> Outgoing:
        self.counts["command"] += 1
        traceparent = command.run.traceparent
        headers: Headers | None = [("traceparent", traceparent)] if traceparent else None
        topic = (self._live if command.lane.urgent else self._bulk)[command.app]
        key = command.connection.encode()
        return Outgoing(topic, self._encode(command, key, traceparent), key, ANY_PARTITION, headers)

    def _encode(self, record: Decision | Command, key: bytes, header: str = "") -> bytes:
        value = self._codec.encode(record)
        size = len(value) + len(key) + len(header)
        if size > MAX_RECORD_BYTES:
            raise TooLarge(f"a {type(record).__name__.lower()} of {size} bytes: at most {MAX_RECORD_BYTES}")
        return value

    def _letter(self, message: Message, cause: Cause, stage: str, now: datetime) -> Outgoing:
        self.counts["dead letter"] += 1
        letter = dead_letter(message, cause, stage=stage, seen=now)
        key, value = encode_letter(letter, self._codec)
        return Outgoing(self._dead_letters, value, key, letter.partition)


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
