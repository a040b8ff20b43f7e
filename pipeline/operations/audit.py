"""The promises counted from the topics: every event decided, every command ended by exactly one result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Command, Decision, Result, Status, Verdict
from pipeline.schemas.topics import Topics

Identity = tuple[str, str]
"""An event's id and its replay."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the topics hold, as a reader of committed records sees it. All ids are sorted."""

    decisions: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    decided_twice: list[Identity] = field(default_factory=list)
    """Identities with more than one decision that is not `duplicate`."""
    commands: int = 0
    results: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    without_result: list[str] = field(default_factory=list)
    repeated_results: list[str] = field(default_factory=list)
    """Commands with more than one result."""
    calls: int = 0
    """To the destinations, reads included, as the results count them."""

    @property
    def whole(self) -> bool:
        """Each command has exactly one result."""
        return not self.without_result and not self.repeated_results and self.results == self.commands


def audit(access: KafkaAccess, topics: Topics, codec: Codec, *, replay: str | None = None) -> Audit:
    """Reads decisions, commands and results whole. `replay` limits it to one replay; "" to what was live."""
    commands: Counter[str] = Counter()
    for topic in topics.carried_out():
        for message in scan(access, Scan(topic)):
            command = codec.decode(Command, message.value() or b"")
            if replay is None or command.run.replay == replay:
                commands[command.id] += 1
    results: Counter[str] = Counter()
    statuses: Counter[Status] = Counter()
    calls = 0
    for message in scan(access, Scan(topics.results)):
        result = codec.decode(Result, message.value() or b"")
        if replay is None or result.replay == replay:
            results[result.command] += 1
            statuses[result.status] += 1
            calls += result.calls
    verdicts: Counter[Verdict] = Counter()
    decided: Counter[Identity] = Counter()
    for message in scan(access, Scan(topics.decisions)):
        decision = codec.decode(Decision, message.value() or b"")
        if replay is None or decision.replay == replay:
            verdicts[decision.verdict] += 1
            decided[decision.event_id, decision.replay] += decision.verdict is not Verdict.DUPLICATE
    return Audit(
        decisions=verdicts.total(),
        verdicts={str(verdict): count for verdict, count in sorted(verdicts.items())},
        decided_twice=sorted(identity for identity, count in decided.items() if count > 1),
        commands=len(commands),
        results=results.total(),
        statuses={str(status): count for status, count in sorted(statuses.items())},
        without_result=sorted(commands.keys() - results.keys()),
        repeated_results=sorted(command for command, count in results.items() if count > 1),
        calls=calls,
    )
