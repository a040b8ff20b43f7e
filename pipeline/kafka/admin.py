"""Topics as their specs say, and the session times of groups."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not re-export them
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.topics import TopicSpec

_REQUEST_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.05

_PERSON_MENDS = {
    KafkaError.INVALID_REPLICATION_FACTOR: "the cluster has fewer brokers: lower PIPELINE_REPLICATION_FACTOR",
    KafkaError.POLICY_VIOLATION: "the cluster's policy forbids it: ask whoever runs it",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant our principal Create and DescribeConfigs on it",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant our principal Create on the cluster",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant our principal AlterConfigs on the group",
    KafkaError.INVALID_CONFIG: "the cluster does not allow this value: correct it",
    KafkaError.UNSUPPORTED_VERSION: "the cluster is older than Kafka 4: set KAFKA_GROUP_PROTOCOL=classic",
}


@dataclass(frozen=True, slots=True)
class TopicFault:
    """How one topic differs from its spec. `fatal`: a promise does not hold until it is mended."""

    topic: str
    problem: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.topic}: {self.problem}; {self.remedy}"


def create_topics(
    access: KafkaAccess, specs: Sequence[TopicSpec], replication_factor: int, *, timeout: float = 60
) -> list[str]:
    """Creates what is missing and returns its names, sorted, once every topic of `specs` has all its leaders.

    Topics that exist are left as they are (see `check_topics`). Raises `ConfigurationError` if the cluster refuses,
    `KafkaUnavailable` if it does not answer or leaders do not appear within `timeout` seconds.
    """
    admin = access.admin()
    wanted = [NewTopic(spec.name, spec.partitions, replication_factor, config=dict(spec.config)) for spec in specs]
    created = []
    if wanted:
        for name, future in admin.create_topics(wanted, request_timeout=_REQUEST_SECONDS).items():
            if _done(future, f"topic {name}", ignore=KafkaError.TOPIC_ALREADY_EXISTS):
                created.append(name)
    _await_leaders(admin, [spec.name for spec in specs], timeout)
    return sorted(created)


def delete_topics(access: KafkaAccess, names: Sequence[str]) -> None:
    """Topics that are not there are left alone. Raises like `create_topics`."""
    admin = access.admin()
    for name, future in admin.delete_topics(list(names), request_timeout=_REQUEST_SECONDS).items():
        _done(future, f"topic {name}", ignore=KafkaError.UNKNOWN_TOPIC_OR_PART)


def check_topics(access: KafkaAccess, specs: Sequence[TopicSpec]) -> list[TopicFault]:
    """Every difference between the cluster and the specs, in the order of the specs."""
    admin = access.admin()
    partitions = _partition_counts(admin)
    present = [spec for spec in specs if spec.name in partitions]
    configs = _topic_configs(admin, [spec.name for spec in present])
    faults: list[TopicFault] = []
    for spec in specs:
        if spec.name not in partitions:
            faults.append(TopicFault(spec.name, "is missing", "run `pipeline topics create`"))
            continue
        if partitions[spec.name] != spec.partitions:
            faults.append(_partition_fault(spec, partitions[spec.name]))
        faults += _config_faults(spec, configs[spec.name])
    return faults


def largest_record(access: KafkaAccess, topic: str) -> int:
    """Bytes of a record batch that the topic takes (`max.message.bytes`). Raises like `create_topics`."""
    return int(_topic_configs(access.admin(), [topic])[topic]["max.message.bytes"])


def set_group_timeouts(access: KafkaAccess, group: str, session_ms: int, heartbeat_ms: int) -> None:
    """How long a silent member of a KIP-848 group keeps its partitions, and how often members report.

    The broker bounds both (`group.consumer.min.session.timeout.ms`, default 45 s): `ConfigurationError` then names
    the bound. Does nothing with `group.protocol=classic`, where members bring their own times.
    """
    if access.options.get("group.protocol") == "classic":
        return
    admin = access.admin()
    values = {"consumer.session.timeout.ms": session_ms, "consumer.heartbeat.interval.ms": heartbeat_ms}
    entries = [
        ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET) for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.GROUP, group, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource], request_timeout=_REQUEST_SECONDS).values():
        _done(future, f"session times of group {group}")


def _config_faults(spec: TopicSpec, actual: Mapping[str, str]) -> Iterable[TopicFault]:
    for name, wanted in sorted(spec.config.items()):
        got = actual.get(name, "")
        if _holds(name, wanted, got):
            continue
        fatal = name in {"cleanup.policy", "retention.ms"}
        yield TopicFault(
            spec.name,
            f"{name} is {got or 'not set'}, wanted {wanted}",
            f"set it on the cluster (kafka-configs.sh --alter --topic {spec.name} --add-config {name}={wanted})",
            fatal,
        )


def _holds(name: str, wanted: str, got: str) -> bool:
    if name == "cleanup.policy":
        return set(wanted.split(",")) == set(got.split(","))
    if name == "retention.ms" and got:
        return int(got) == -1 or (int(wanted) != -1 and int(got) >= int(wanted))
    return wanted == got


def _partition_fault(spec: TopicSpec, got: int) -> TopicFault:
    return TopicFault(
        spec.name,
        f"has {got} partitions, wanted {spec.partitions}",
        f"set PIPELINE_PARTITIONS={got} if all topics have that many, else drain it, delete it and create it anew "
        "(adding partitions to a topic in use moves keys and breaks their order)",
    )


def _await_leaders(admin: AdminClient, names: Iterable[str], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    missing = set(names)
    while True:
        known = admin.list_topics(timeout=_REQUEST_SECONDS).topics
        missing = {
            name
            for name in missing
            if name not in known
            or not known[name].partitions
            or any(partition.leader < 0 for partition in known[name].partitions.values())
        }
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise KafkaUnavailable(
                f"topics without a leader after {timeout:.0f} s: {', '.join(sorted(missing))}; check the brokers"
            )
        time.sleep(_LOOK_EVERY_SECONDS)


def _partition_counts(admin: AdminClient) -> dict[str, int]:
    known = admin.list_topics(timeout=_REQUEST_SECONDS).topics
    return {name: len(topic.partitions) for name, topic in known.items() if topic.error is None}


def _topic_configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=_REQUEST_SECONDS)
    found: dict[str, dict[str, str]] = {}
    for resource, future in answers.items():
        try:
            entries = future.result()
        except KafkaException as error:
            raise _refusal(error, f"topic {resource.name}") from error
        found[resource.name] = {name: entry.value or "" for name, entry in entries.items()}
    return found


def _done(future: Future[Any], what: str, *, ignore: int | None = None) -> bool:
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() == ignore:
            return False
        raise _refusal(error, what) from error
    return True


def _refusal(error: KafkaException, what: str) -> ConfigurationError | KafkaUnavailable:
    cause: KafkaError = error.args[0]
    if remedy := _PERSON_MENDS.get(cause.code()):
        return ConfigurationError(f"{what}: {cause.str()}; {remedy}")
    return KafkaUnavailable(f"{what}: {cause.str()} ({cause.name()})")
