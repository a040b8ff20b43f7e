"""How to reach Kafka, and clients with the settings that were measured for this pipeline.

Every client of the pipeline is made here, so that security settings and guarantees hold for all of them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from pipeline.kafka.options import for_admins, for_consumers, for_producers, options_from_environment

Config = dict[str, Any]

_COMMON: Config = {
    # A broker that comes back is found within a second (default: 10 s).
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
}

_PRODUCER: Config = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    # The partitioner of the Java clients, so that a key has the same partition whoever produces it.
    "partitioner": "murmur2_random",
    # The default of 100 ms delays the first produce of each transaction (CONCURRENT_TRANSACTIONS is retried).
    "retry.backoff.ms": 5,
    "queue.buffering.max.messages": 500_000,
}

_CONSUMER: Config = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,
    # The default of 1000 ms after a full queue is what holds fast consumers back; and it halves their memory.
    "fetch.queue.backoff.ms": 5,
    "queued.min.messages": 20_000,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """The address of Kafka and any client setting on top of our defaults; passed to whoever needs a client.

    `options` are strings by librdkafka's names, as `options_from_environment` gives them; they may hold secrets and
    never show in `repr`. Overrides of the methods are for code, not for users: they win over both.
    """

    bootstrap_servers: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, bootstrap_servers: str, environ: Mapping[str, str] = os.environ) -> KafkaAccess:
        """Raises `ConfigurationError` for a setting that Kafka's client or our guarantees refuse."""
        return cls(bootstrap_servers, options_from_environment(environ))

    def producer(self, overrides: Mapping[str, Any] | None = None) -> Producer:
        return Producer(producer_config(self, overrides), logger=_log)

    def transactional_producer(
        self, transactional_id: str, *, timeout: float = 30, overrides: Mapping[str, Any] | None = None
    ) -> Producer:
        """Ready for `begin_transaction`: older producers of the same id are fenced and their work is rolled back.

        Raises `KafkaException` if the coordinator does not answer within `timeout` seconds.
        """
        producer = Producer(transactional_config(self, transactional_id, overrides), logger=_log)
        producer.init_transactions(timeout)
        return producer

    def consumer(self, group_id: str, overrides: Mapping[str, Any] | None = None) -> Consumer:
        return Consumer(consumer_config(self, group_id, overrides), logger=_log)

    def reader(self, overrides: Mapping[str, Any] | None = None) -> Consumer:
        """A consumer without a group, to be assigned by hand; it reports the end of each partition."""
        return Consumer(reader_config(self, overrides), logger=_log)

    def admin(self, overrides: Mapping[str, Any] | None = None) -> AdminClient:
        """Keep it referenced until the futures of its calls are done, or they fail with `_DESTROY`."""
        return AdminClient(_merged(self, _COMMON, for_admins(self.options), overrides), logger=_log)


def producer_config(access: KafkaAccess, overrides: Mapping[str, Any] | None = None) -> Config:
    """Idempotent, acknowledged by all replicas; a delivery report for each record."""
    own = {"linger.ms": 2, "delivery.timeout.ms": 30_000}
    return _merged(access, _COMMON | _PRODUCER | own, for_producers(access.options), overrides)


def transactional_config(
    access: KafkaAccess, transactional_id: str, overrides: Mapping[str, Any] | None = None
) -> Config:
    """For transactions back to back; reports only failed deliveries (a commit vouches for the others).

    A dead worker's open transaction holds its successor up for `transaction.timeout.ms`; a delivery may not outlast it.
    It should be longer than the only broker is ever away: Kafka 4.3.1 may leave one open that ran out meanwhile (seen
    twice, after 9 s with a time-out of 6 s, and after 13 s with 10 s).
    """
    own = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": 10_000,
        "delivery.timeout.ms": 10_000,
        "linger.ms": 0,
        "delivery.report.only.error": True,
    }
    return _merged(access, _COMMON | _PRODUCER | own, for_producers(access.options), overrides)


def consumer_config(access: KafkaAccess, group_id: str, overrides: Mapping[str, Any] | None = None) -> Config:
    """A group member that reads committed records and never commits by itself.

    Range assignment gives one member the same partition of every topic that it subscribes to, if all members
    subscribe alike and the topics have equal partition counts. The group's session and heartbeat times are set on
    the broker (`admin.set_group_timeouts`): KIP-848.
    """
    own: Config = {"group.id": group_id, "max.poll.interval.ms": 120_000}
    if access.options.get("group.protocol") == "classic":
        own |= {"group.protocol": "classic", "partition.assignment.strategy": "range"}
    else:
        own |= {"group.protocol": "consumer", "group.remote.assignor": "range"}
    return _merged(access, _COMMON | _CONSUMER | own, for_consumers(access.options), overrides)


def reader_config(access: KafkaAccess, overrides: Mapping[str, Any] | None = None) -> Config:
    """Reads assigned partitions to their end, fast; belongs to no group."""
    own = {
        "group.id": "unused",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 10,
        # A reader of a large topic waits for Python, not for the broker: what is fetched ahead is memory for nothing. A
        # fetch is unpacked as a whole, to eight times its size and more, and the allocator keeps what that took.
        "queued.min.messages": 5_000,
        "queued.max.messages.kbytes": 4_096,
        "fetch.message.max.bytes": 65_536,
    }
    options = {
        name: value
        for name, value in for_consumers(access.options).items()
        if not name.startswith(("group.", "session.", "heartbeat."))
    }
    return _merged(access, _COMMON | _CONSUMER | own, options, overrides)


def _merged(
    access: KafkaAccess, defaults: Config, options: Mapping[str, str], overrides: Mapping[str, Any] | None
) -> Config:
    return {"bootstrap.servers": access.bootstrap_servers, **defaults, **options, **(overrides or {})}
