"""The topics as code: names, partitions, clean-up and retention. `pipeline topics` creates and checks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000

EVENTS = "events"
COMMANDS = "commands"
STEPS = "flow.steps"
DECISIONS = "sync.decisions"
RESULTS = "sync.results"
LEDGER = "sync.ledger"
MAPPINGS = "id.mappings"
STATE = "connection.state"
CONTROL = "control"
DEAD_LETTERS = "sync.dead-letters"

LARGE_RECORD = 8 * 1024 * 1024
"""Bytes (`max.message.bytes`) of a dead letter, which holds a whole record, in base64 where values are JSON."""

_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.1",
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be. `config` holds only what differs from the broker's defaults."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topics:
    """Names and specs for one installation.

    Invariant: events, steps, decisions, commands, ledger and state have the same number of partitions, so that
    range assignment gives one worker the same index of each.
    """

    prefix: str
    partitions: int
    apps: tuple[str, ...]

    def name(self, base: str) -> str:
        return self.prefix + base

    def events(self, app: str) -> str:
        return f"{self.prefix}{app}.{EVENTS}"

    def commands(self, app: str, *, bulk: bool = False) -> str:
        return f"{self.prefix}{app}.{COMMANDS}" + (".bulk" if bulk else "")

    def redriven(self, topic: str) -> str:
        """Where what came from `topic` is sent again: commands go behind live ones."""
        live = {self.commands(app): self.commands(app, bulk=True) for app in self.apps}
        return live.get(topic, topic)

    @property
    def steps(self) -> str:
        return self.name(STEPS)

    @property
    def decisions(self) -> str:
        return self.name(DECISIONS)

    @property
    def results(self) -> str:
        return self.name(RESULTS)

    @property
    def ledger(self) -> str:
        return self.name(LEDGER)

    @property
    def mappings(self) -> str:
        return self.name(MAPPINGS)

    @property
    def state(self) -> str:
        return self.name(STATE)

    @property
    def control(self) -> str:
        return self.name(CONTROL)

    @property
    def dead_letters(self) -> str:
        return self.name(DEAD_LETTERS)

    def decided(self) -> tuple[str, ...]:
        """What the agents read: every app's events, and the steps of runs."""
        return (*(self.events(app) for app in self.apps), self.steps)

    def carried_out(self) -> tuple[str, ...]:
        """What the sinks read: both command topics of every app, live before bulk."""
        return tuple(self.commands(app, bulk=bulk) for app in self.apps for bulk in (False, True))

    def specs(self) -> tuple[TopicSpec, ...]:
        return tuple(self._specs())

    def _specs(self) -> Iterable[TopicSpec]:
        kept = {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)}
        public = {"cleanup.policy": "delete", "retention.ms": str(90 * DAY_MS)}
        for app in self.apps:
            yield TopicSpec(self.events(app), self.partitions, public)
            yield TopicSpec(self.commands(app), self.partitions, kept)
            yield TopicSpec(self.commands(app, bulk=True), self.partitions, kept)
        yield TopicSpec(self.steps, self.partitions, kept)
        yield TopicSpec(self.decisions, self.partitions, kept)
        yield TopicSpec(self.results, self.partitions, public)
        ledger = {**_COMPACTED, "segment.bytes": str(4 * 1024 * 1024), "max.message.bytes": str(4 * 1024 * 1024)}
        yield TopicSpec(self.ledger, self.partitions, ledger)
        yield TopicSpec(self.mappings, self.partitions, _COMPACTED)
        yield TopicSpec(self.state, self.partitions, {**_COMPACTED, "segment.bytes": str(4 * 1024 * 1024)})
        yield TopicSpec(self.control, 1, _COMPACTED)
        yield TopicSpec(self.dead_letters, self.partitions, {**public, "max.message.bytes": str(LARGE_RECORD)})
