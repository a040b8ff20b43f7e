"""What is on the topics so far, read as any consumer would: committed records only."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from pipeline.cli.installation import Installation
from pipeline.operations.settle import Watchman
from pipeline.schemas.records import Command, Decision, Result, Verdict

Told = TypeVar("Told", bound=msgspec.Struct)


class Progress:
    """Keeps reading; `poll` takes in what came. Ids are counted once, `repeated` results are those that came again."""

    def __init__(self, here: Installation) -> None:
        topics, codec = here.topics, here.codec
        self._decode = codec.decode
        self._watchman = Watchman(here.access, topics, codec)
        self._kinds: dict[str, type[msgspec.Struct]] = {
            topics.decisions: Decision,
            topics.results: Result,
        }
        for app in here.apps:
            self._kinds |= {topics.commands(app): Command, topics.commands(app, bulk=True): Command}
        self._events = {topics.events(app) for app in here.apps}
        self.events = 0
        self.commands: set[str] = set()
        self.results: dict[str, Result] = {}
        self.repeated = 0
        self.decisions: list[Decision] = []
        self._reader = here.access.reader()
        self._reader.assign(
            [
                TopicPartition(topic, index, OFFSET_BEGINNING)
                for topic in (*self._kinds, *self._events)
                for index in range(topics.partitions)
            ]
        )

    def poll(self, seconds: float = 0.1) -> bool:
        """False when nothing came."""
        messages = self._reader.consume(1000, seconds)
        for message in messages:
            value, topic = message.value(), message.topic() or ""
            if message.error() is not None or value is None:
                continue
            if topic in self._events:
                self.events += 1
                continue
            match self._decode(self._kinds[topic], value):
                case Command() as command:
                    self.commands.add(command.id)
                case Decision() as decision:
                    self.decisions.append(decision)
                case Result() as result:
                    self.repeated += result.command in self.results
                    self.results[result.command] = result
        return bool(messages)

    @property
    def verdicts(self) -> Counter[Verdict]:
        return Counter(decision.verdict for decision in self.decisions)

    @property
    def settled(self) -> bool:
        """Every event is decided, every command has its result, and nothing is under way."""
        if not self._even or not self._watchman.look().settled():
            return False
        while self.poll():
            pass
        return self._even

    @property
    def _even(self) -> bool:
        return len(self.decisions) >= self.events > 0 and self.commands == self.results.keys()

    def close(self) -> None:
        self._reader.close()
