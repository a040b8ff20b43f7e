"""Forward in the agents' runtime: consumer thread, channel, Faust agent, transaction; only the evaluator differs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from confluent_kafka import Message

from pipeline.agents.outgoing import Record
from tests.bench.rule import decode, wanted
from tests.bench.systems.arguments import Job, read_job, report
from tests.bench.systems.runtime import run_agents


class Forward:
    """Remembers nothing."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.counts: Counter[str] = Counter()

    def take_over(self, partitions: Collection[int]) -> None:
        pass

    def let_go(self, partitions: Collection[int]) -> None:
        pass

    def evaluate(self, messages: Sequence[Message]) -> Iterator[Record]:
        target = self._target
        for message in messages:
            value = message.value() or b""
            if wanted(decode(value)):
                yield target, value, message.key(), message.partition() or 0, None


def main(job: Job) -> None:
    report(asyncio.run(run_agents(job, Forward(job.target), incidents=f"{job.prefix}incidents")))


if __name__ == "__main__":
    main(read_job())
