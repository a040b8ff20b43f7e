"""What Kafka itself can refuse, sorted by what the caller does about it.

PipelineError
├── KafkaStartError      the embedded broker did not start: the message names the cause and the remedy
├── KafkaUnavailable     no broker answered in time: start it, or mend the address or the credentials
├── RestoreStalled       a partition could not be read up to its high watermark: never go on without it
├── StaleBatch           the batch is no longer ours: drop its work, its records come again
├── TransactionAborted   nothing of the transaction is visible: the records come again, the producer is fit
└── ProducerUnusable     the producer is fenced or broken: make a new one
"""

from __future__ import annotations

from pipeline.errors import PipelineError


class KafkaStartError(PipelineError):
    """The embedded broker could not be prepared or did not come up."""


class KafkaUnavailable(PipelineError):
    """No broker answered, or it refused us."""


class RestoreStalled(PipelineError):
    """Reading made no progress below the high watermark for the whole time limit.

    The usual cause is a transaction of a worker that died: readers of committed data wait until the broker
    aborts it (its `transaction.timeout.ms`, then the coordinator's next scan).
    """


class StaleBatch(PipelineError):
    """A rebalance or a failed predecessor took the batch away; committing it would lose or repeat records."""


class TransactionAborted(PipelineError):
    """The transaction was rolled back; `code` is Kafka's error code (25 and 22: our group membership is stale)."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class ProducerUnusable(PipelineError):
    """A newer producer with the same transactional id exists, or the client met a fatal error."""
