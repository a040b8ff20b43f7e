"""A batch from its evaluation to its commit, on one thread. Whatever happens on the way, the batch is settled.

Records are produced while the batch is still being evaluated, so that the brokers work meanwhile. There is one
producer: the records of two would lie on the topics in the order in which the brokers got them, whatever the order of
the commits, and the order of a party would be lost.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from pipeline.agents.evaluate import Evaluator
from pipeline.agents.transaction import COMES_AGAIN, Transactions
from pipeline.failpoints import fail_point
from pipeline.kafka.batch import Batch
from pipeline.kafka.errors import StaleBatch

log = structlog.get_logger(__name__)


class Work:
    """Evaluates batches and carries them out, one after the other."""

    def __init__(self, evaluator: Evaluator, transactions: Transactions) -> None:
        self._evaluator = evaluator
        self._transactions = transactions
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="work")
        self._doubtful: set[int] = set()

    async def open(self) -> None:
        """Get the producer ready before the first batch waits for it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._transactions.open)

    def submit(self, batch: Batch) -> None:
        """Have `batch` carried out after those before it. The consumer bounds how many are out.

        It ends as done, or as failed: then it is read again, here or by the owner of its partitions. Nothing waits for
        the event loop between two batches, which on a busy machine takes longer than a commit.
        """
        self._thread.submit(self._carry_out, batch)

    def close(self) -> None:
        """After the last batch has settled."""
        self._thread.shutdown()
        self._transactions.close()

    def _carry_out(self, batch: Batch) -> None:
        try:
            self._commit(batch)
        except Exception as reason:
            self._fail(batch, reason)
        else:
            batch.done()

    def _commit(self, batch: Batch) -> None:
        fail_point("agents.batch.received")
        if batch.stale:
            raise StaleBatch("it was taken away before it was evaluated")
        if self._doubtful:
            # What failed batches remembered is void, unless an unanswered commit took place: the topic tells.
            self._evaluator.let_go(self._doubtful)
            self._evaluator.take_over(self._doubtful)
            self._doubtful = set()
        self._transactions.carry_out(batch, self._evaluator.evaluate(batch.readable()))
        fail_point("agents.batch.committed")

    def _fail(self, batch: Batch, reason: Exception) -> None:
        said = {"batch": batch.number, "records": len(batch.messages), "reason": str(reason)}
        if isinstance(reason, COMES_AGAIN):
            log.warning("a batch comes again", **said)
        else:
            log.error("a batch comes again", **said, exc_info=reason)
        self._doubtful |= {partition for _, partition in batch.places}
        batch.failed()
