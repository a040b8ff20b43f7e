"""A batch from its evaluation to its commit, on one thread. Whatever happens, the batch is settled."""

from __future__ import annotations

from collections import Counter

import structlog

from pipeline.agents.evaluate import Evaluator
from pipeline.agents.transaction import COMES_AGAIN, Transactions
from pipeline.kafka.batch import Batch
from pipeline.kafka.errors import StaleBatch

log = structlog.get_logger(__name__)


class Work:
    """Evaluates batches and carries them out. `counts` says what came of them since the start, by word."""

    def __init__(self, evaluator: Evaluator, transactions: Transactions) -> None:
        self._evaluator = evaluator
        self._transactions = transactions
        self._doubtful: set[int] = set()
        self.counts: Counter[str] = Counter()

    def carry(self, batch: Batch) -> None:
        """Ends in `batch.done` or `batch.failed`; a failed batch is read again, here or by its partitions' owner."""
        try:
            self._commit(batch)
        except COMES_AGAIN as reason:
            log.warning("a batch comes again", batch=batch.number, records=len(batch.messages), reason=str(reason))
            self._fail(batch)
        except Exception:
            log.exception("a batch comes again", batch=batch.number, records=len(batch.messages))
            self._fail(batch)
        else:
            batch.done()

    def close(self) -> None:
        self._transactions.close()

    def _commit(self, batch: Batch) -> None:
        if self._doubtful:
            # An unanswered commit may have taken place: only the topic tells what was decided.
            self._evaluator.take_over(self._doubtful)
            self._doubtful = set()
        if batch.stale:
            raise StaleBatch("it was taken away before it was evaluated")
        evaluation = self._evaluator.evaluate(batch.messages)
        self._transactions.carry_out(batch, evaluation.outgoing)
        self._evaluator.committed(evaluation)
        self.counts.update(evaluation.counts)
        self.counts["batch"] += 1

    def _fail(self, batch: Batch) -> None:
        self._doubtful |= {partition for _, partition in batch.places}
        self.counts["batch again"] += 1
        batch.failed()
