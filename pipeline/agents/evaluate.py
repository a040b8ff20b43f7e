"""What the runtime of the agents asks of whoever evaluates its batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from confluent_kafka import Message

from pipeline.agents.outgoing import Record


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

        No I/O. Nothing is raised for the sake of one message. May raise `Retry`: the batch comes again. A batch that
        was not committed has to be forgotten: before the next evaluation its partitions are let go and taken over.
        """
