"""The agents' own runtime, as in production, until a number of events is committed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from confluent_kafka import Message

from pipeline.agents.app import build_app
from pipeline.agents.evaluate import Evaluator
from pipeline.agents.outgoing import Record
from pipeline.agents.tuning import tune_interpreter
from pipeline.kafka.clients import KafkaAccess
from tests.bench.systems.arguments import Job


class Counted:
    """Passes on to an evaluator, notes when the first batch came and that the last one did."""

    def __init__(self, evaluator: Evaluator, events: int) -> None:
        self._evaluator = evaluator
        self._left = events
        self._loop = asyncio.get_running_loop()
        self.counts = evaluator.counts
        self.started = 0.0
        self.ended = asyncio.Event()

    def take_over(self, partitions: Collection[int]) -> None:
        self._evaluator.take_over(partitions)

    def let_go(self, partitions: Collection[int]) -> None:
        self._evaluator.let_go(partitions)

    def evaluate(self, messages: Sequence[Message]) -> Iterable[Record]:
        self.started = self.started or time.time()
        self._left -= len(messages)
        if self._left <= 0:
            self._loop.call_soon_threadsafe(self.ended.set)
        return self._evaluator.evaluate(messages)


async def run_agents(job: Job, evaluator: Evaluator, incidents: str) -> float:
    """Works the backlog off; gives when the first record was at hand."""
    counted = Counted(evaluator, job.events)
    app = build_app(
        counted,
        KafkaAccess(job.bootstrap),
        name=f"agents-{uuid.uuid4()}",
        topics=[job.source],
        incidents=incidents,
        batch_size=job.batch_size,
        state_dir=Path(job.state_dir),
    )
    await app.start()
    tune_interpreter()
    await counted.ended.wait()
    await app.stop()
    return counted.started
