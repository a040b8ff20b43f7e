"""The whole decision in a bare loop: the same functions without the agents' runtime."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Message, Producer

from tests.bench import deciding
from tests.bench.systems.arguments import Job, read_job, report
from tests.bench.systems.bare_loop import bare_loop


def main(job: Job) -> None:
    evaluator = deciding.evaluator(job.prefix)

    def handle(messages: Sequence[Message], out: Producer) -> None:
        for topic, value, key, partition, _ in evaluator.evaluate(messages):
            out.produce(topic, value, key, partition)

    report(bare_loop(job, handle))


if __name__ == "__main__":
    main(read_job())
