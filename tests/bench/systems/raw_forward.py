"""Forward in a bare loop."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Message, Producer

from tests.bench.rule import decode, wanted
from tests.bench.systems.arguments import Job, read_job, report
from tests.bench.systems.bare_loop import bare_loop


def main(job: Job) -> None:
    target = job.target

    def handle(messages: Sequence[Message], out: Producer) -> None:
        for message in messages:
            value = message.value() or b""
            if wanted(decode(value)):
                out.produce(target, value, message.key(), message.partition() or 0)

    report(bare_loop(job, handle))


if __name__ == "__main__":
    main(read_job())
