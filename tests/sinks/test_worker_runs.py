"""One run of a worker after another: what a transaction that failed, or a defect, must not leave behind.

The worker runs in this process, so that a test can let one of its transactions fail.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import read_to_end
from pipeline.kafka.errors import ProducerUnusable, TransactionAborted
from pipeline.sinks.main import run
from pipeline.sinks.tick import Tick
from pipeline.sinks.worker import Worker
from tests.sinks.harness import Bench, backlog, bench

LATENCY = 0.02


class Role:
    """The role `sinks` on an event loop of its own. `fault` is called in place of each transaction's commit."""

    def __init__(self, sinks: Bench, fault: Callable[[Worker, Tick], None]) -> None:
        self._sinks, self._fault = sinks, fault
        self.worker: Worker | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    async def _run(self) -> None:
        await run(self._sinks.settings, self._sinks.access, on_ready=self._ready, signals=())

    def _ready(self, worker: Worker) -> None:
        self.worker, transact = worker, worker._transact

        def faulty(tick: Tick) -> None:
            self._fault(worker, tick)
            transact(tick)

        worker._transact = faulty  # type: ignore[method-assign]

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def leave(self) -> None:
        assert self.worker is not None
        self.worker.stop()
        self._thread.join()


class Once:
    """Does `what` at the first tick for which `when` holds."""

    def __init__(self, when: Callable[[Tick], bool], what: Callable[[Worker], None]) -> None:
        self.done = False
        self._when, self._what = when, what

    def __call__(self, worker: Worker, tick: Tick) -> None:
        if not self.done and self._when(tick):
            self.done = True
            self._what(worker)


def test_a_worker_told_to_stop_while_a_transaction_is_rolled_back_loses_nothing_of_it(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    def stop_and_abort(worker: Worker) -> None:
        worker.stop()
        raise TransactionAborted("the coordinator moved")

    with bench(kafka, topic_prefix, tmp_path, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=10, versions=2))
        first = Role(sinks, Once(lambda tick: bool(tick.starts) and tick.ended > 0, stop_and_abort))
        sinks.until(first.ended, "it stops")
        sinks.start()
        sinks.until_results(20)
        sinks.end()
        sinks.ended_once()
        assert sinks.settled() == {"answer": 20}


def test_a_pair_whose_transaction_failed_is_not_known_to_the_next_run(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    def fence(worker: Worker) -> None:
        raise ProducerUnusable("fenced")

    with bench(kafka, topic_prefix, tmp_path, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=10, versions=1))
        role = Role(sinks, Once(lambda tick: bool(tick.mapped), fence))
        sinks.until_results(10)
        role.leave()
        sinks.end()
        sinks.ended_once()
        rows = {
            message.key()
            for batch in read_to_end(kafka, sinks.topics.mappings)
            for message in batch
            if b"/account/" in (message.key() or b"")
        }
        assert len(rows) == 10


def test_a_defect_ends_a_run_and_not_the_role(kafka: KafkaAccess, topic_prefix: str, tmp_path: Path) -> None:
    def fail(worker: Worker) -> None:
        raise ZeroDivisionError

    with bench(kafka, topic_prefix, tmp_path, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=10, versions=1))
        role = Role(sinks, Once(lambda tick: tick.ended > 0, fail))
        sinks.until_results(10)
        role.leave()
        sinks.end()
        sinks.ended_once()


def test_workers_of_a_classic_group_share_and_hand_over_too(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    classic = {"KAFKA_GROUP_PROTOCOL": "classic"}
    with bench(kafka, topic_prefix, tmp_path, partitions=2, latency=LATENCY, environment=classic) as sinks:
        sinks.connect()
        first, second = sinks.start(), sinks.start()
        sinks.until(lambda: bool(first.holds()) and bool(second.holds()), "each has a partition")
        sinks.send(backlog(parties=10, versions=10))
        sinks.until_results(30)
        holder = first if 0 in first.holds() else second
        assert holder.leave() == 0
        sinks.until_results(100)
        sinks.end()
        sinks.ended_once()
