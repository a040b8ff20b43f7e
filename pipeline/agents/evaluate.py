"""What the runtime of the agents asks of whoever evaluates its batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from confluent_kafka import Message

from pipeline.agents.outgoing import Record
from pipeline.errors import Retry
from pipeline.kafka.batch import Place


class Held(Exception):
    """Messages that cannot be evaluated now, for a reason outside of them: the first one of each place, by its place.

    Those behind it on its place have to wait for it: their order counts.
    """

    def __init__(self) -> None:
        super().__init__("some messages cannot be evaluated now")
        self.first: dict[Place, int] = {}
        self.reason = ""

    def add(self, message: Message, reason: Retry) -> None:
        self.first[message.topic() or "", message.partition() or 0] = message.offset() or 0
        self.reason = str(reason)

    def holds(self, message: Message) -> bool:
        """Whether one before `message` on its place cannot be evaluated."""
        return (message.topic(), message.partition()) in self.first

    def __bool__(self) -> bool:
        return bool(self.first)


class Evaluator(Protocol):
    """Decides what a batch comes to, with the memory that its partitions need. Partitions go by their numbers.

    `take_over` and `let_go` may be called while another thread evaluates a batch of other partitions.
    """

    counts: Counter[str]
    """What came of the messages so far, by word; for reports. Messages that come again count again."""

    def take_over(self, partitions: Collection[int]) -> None:
        """Learn what is committed about these, beside what is known of them already."""

    def let_go(self, partitions: Collection[int]) -> None:
        """Forget these: they are another worker's, or what is known of them may be wrong."""

    def evaluate(self, messages: Sequence[Message]) -> Iterable[Record]:
        """What the messages come to, one after the other; lazily, so that it can be sent meanwhile.

        No I/O but for schemas. Nothing is raised for the sake of one message. Raises `Held` at its end where some
        have to come again: of the others all was given. A batch that was not committed has to be forgotten: before the
        next evaluation its partitions are let go and taken over.
        """
