"""The yardstick: a bare confluent-kafka loop with the pipeline's own tuned clients, one transaction a batch.

Tuned are above all ``fetch.queue.backoff.ms`` and ``queued.min.messages``: with librdkafka's defaults it is half as
fast. `flush` goes before `send_offsets_to_transaction`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

from confluent_kafka import Message, Producer, TopicPartition

from pipeline.kafka.clients import KafkaAccess
from tests.bench.systems.arguments import Job

Handle = Callable[[Sequence[Message], Producer], None]


def bare_loop(job: Job, handle: Handle) -> float:
    """Works the backlog off; gives when the first record was at hand. `handle` produces what a batch comes to."""
    access = KafkaAccess(job.bootstrap)
    consumer = access.consumer(f"bare-{uuid.uuid4()}")
    consumer.subscribe([job.source])
    out = access.transactional_producer(f"bare-{uuid.uuid4()}")
    left, started = job.events, 0.0
    while left:
        messages = consumer.consume(job.batch_size, 0.1)
        if not messages:
            continue
        started = started or time.time()
        out.begin_transaction()
        handle(messages, out)
        next_offsets = {message.partition() or 0: (message.offset() or 0) + 1 for message in messages}
        offsets = [TopicPartition(job.source, number, offset) for number, offset in next_offsets.items()]
        out.flush()
        out.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        out.commit_transaction()
        left -= len(messages)
    consumer.close()
    return started
