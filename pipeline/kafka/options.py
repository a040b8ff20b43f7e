"""Client settings from the environment: `KAFKA_SASL_USERNAME` is librdkafka's `sasl.username`.

Names and meanings: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping

from confluent_kafka import KafkaException, Producer

from pipeline.errors import ConfigurationError

_PREFIX = "KAFKA_"

# Set for other programs: Kafka's own start scripts, and Kubernetes for a service that is called kafka.
_FOREIGN = re.compile(
    r"(HOME|VERSION|DEBUG|BOOTSTRAP_SERVERS|CLUSTER_ID|\w*OPTS|SERVICE_(HOST|PORT)\w*|PORT|PORT_\d+_\w+)"
)

_PROTECTED = {
    "enable.auto.commit": "offsets are committed in the transaction that carries the work, or work is lost",
    "enable.auto.offset.store": "offsets are committed in the transaction that carries the work, or work is lost",
    "isolation.level": "reading uncommitted records repeats effects of work that was rolled back",
    "transactional.id": "each worker needs its own, or workers fence each other",
    "enable.idempotence": "without it a resent record is written twice",
    "acks": "an acknowledged record must survive a broker",
    "request.required.acks": "an acknowledged record must survive a broker",
    "group.id": "each role has its own group, under PIPELINE_TOPIC_PREFIX",
    "group.remote.assignor": "only range gives one worker the same partition of each topic",
    "partition.assignment.strategy": "only range gives one worker the same partition of each topic",
    "auto.offset.reset": "a group that starts for the first time must not skip what is already there",
    "enable.partition.eof": "restoring state depends on it",
    "partitioner": "a key must have one partition, whoever produces it",
    "delivery.report.only.error": "acknowledgements depend on it",
}

_UNKNOWN = re.compile(r'No such configuration property: "([^"]+)"')

_CLASSIC_ONLY = frozenset({"session.timeout.ms", "heartbeat.interval.ms"})

_CONSUMER = (
    *("fetch.", "max.partition.fetch.", "queued.", "group.", "session.", "heartbeat.", "partition.assignment."),
    *("max.poll.", "auto.", "offset.", "check.crcs", "enable.partition.", "enable.auto.", "coordinator."),
    *("consume.", "isolation."),
)
_PRODUCER = (
    *("queue.buffering.", "linger.", "message.send.", "message.timeout.", "retries", "compression.", "batch."),
    *("delivery.", "acks", "request.", "enable.idempotence", "enable.gapless.", "transaction", "partitioner"),
    *("sticky.", "queuing."),
)


def options_from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All `KAFKA_*` settings as librdkafka's names, checked by librdkafka.

    `KAFKA_BOOTSTRAP_SERVERS` is left out. Raises `ConfigurationError` for a name or value that librdkafka does not
    take, and for one that the guarantees depend on.
    """
    options: dict[str, str] = {}
    for variable, value in environ.items():
        rest = variable.removeprefix(_PREFIX)
        if rest == variable or not rest or _FOREIGN.fullmatch(rest):
            continue
        name = "log_level" if rest == "LOG_LEVEL" else rest.lower().replace("_", ".")
        if name in _PROTECTED:
            raise ConfigurationError(f"{variable} cannot be set: {_PROTECTED[name]}; unset it")
        options[name] = value
    _check(options)
    protocol = options.get("group.protocol", "consumer")
    for name in sorted(_CLASSIC_ONLY & options.keys()):
        if protocol != "classic":
            raise ConfigurationError(
                f"{name} is the group's own setting on the broker; unset its KAFKA_ variable "
                "(or set KAFKA_GROUP_PROTOCOL=classic for a cluster older than Kafka 4)"
            )
    return options


def for_producers(options: Mapping[str, str]) -> dict[str, str]:
    """The options without those that only consumers know."""
    return {name: value for name, value in options.items() if not name.startswith(_CONSUMER)}


def for_consumers(options: Mapping[str, str]) -> dict[str, str]:
    """The options without those that only producers know."""
    return {name: value for name, value in options.items() if not name.startswith(_PRODUCER)}


def for_admins(options: Mapping[str, str]) -> dict[str, str]:
    """The options that every client knows."""
    return for_consumers(for_producers(options))


def _check(options: Mapping[str, str]) -> None:
    """All of them at once, as some make sense only together."""
    silent = logging.getLogger(f"{__name__}.check")
    silent.disabled = True
    try:
        # Made only to have the settings looked at; it connects to nothing.
        Producer(dict(options), logger=silent)
    except KafkaException as error:
        reason: str = error.args[0].str()
        if unknown := _UNKNOWN.match(reason):
            raise ConfigurationError(
                f"Kafka's client has no setting {unknown[1]}; correct the name of "
                f"{_PREFIX}{unknown[1].upper().replace('.', '_')} or unset it"
            ) from error
        raise ConfigurationError(f"the KAFKA_* settings do not work: {reason}") from error
