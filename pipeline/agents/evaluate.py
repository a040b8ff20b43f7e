"""What the runtime of the agents asks of whoever evaluates its batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import Message

from pipeline.agents.outgoing import Outgoing


@dataclass(slots=True)
class Evaluation:
    """What a batch comes to. `seen`: by partition, what is to be remembered once it is committed."""

    outgoing: list[Outgoing] = field(default_factory=list)
    seen: Mapping[int, Collection[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


class Evaluator(Protocol):
    """Decides what a batch comes to, with the memory that its partitions need. Partitions go by their numbers.

    `take_over` and `let_go` may be called while another thread evaluates a batch of other partitions.
    """

    def take_over(self, partitions: Collection[int]) -> None:
        """Restore what is to be remembered of these, before their first record; anything known may be stale."""

    def let_go(self, partitions: Collection[int]) -> None:
        """These are another worker's now."""

    def evaluate(self, messages: Sequence[Message]) -> Evaluation:
        """No I/O; never raises for the sake of one message. May raise `Retry`: the batch comes again."""

    def committed(self, evaluation: Evaluation) -> None:
        """The transaction that carried `evaluation` is committed."""
