"""Topics are created as their specs say, and every difference is told with its remedy."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

from pipeline.errors import ConfigurationError
from pipeline.kafka.admin import check_topics, create_topics, delete_topics, set_group_timeouts
from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.topics import TopicSpec

COMPACT = {"cleanup.policy": "compact", "segment.bytes": "4194304"}


def test_missing_topics_are_created_ready_for_use_and_others_left_alone(kafka: KafkaAccess, topic_prefix: str) -> None:
    one, two = TopicSpec(topic_prefix + "one", 3, COMPACT), TopicSpec(topic_prefix + "two", 1)

    assert create_topics(kafka, [one], 1) == [one.name]
    assert create_topics(kafka, [one, two], 1) == [two.name]

    assert check_topics(kafka, [one, two]) == []
    found = kafka.admin().list_topics(timeout=30).topics[one.name].partitions
    assert len(found) == 3
    assert all(partition.leader >= 0 for partition in found.values())


def test_each_difference_from_the_spec_is_told_with_what_to_do(kafka: KafkaAccess, topic_prefix: str) -> None:
    is_ = TopicSpec(topic_prefix + "topic", 1, {"cleanup.policy": "delete", "retention.ms": "1000"})
    wanted = TopicSpec(is_.name, 6, {**COMPACT, "retention.ms": "2000"})
    missing = TopicSpec(topic_prefix + "missing", 1)
    create_topics(kafka, [is_], 1)

    faults = check_topics(kafka, [wanted, missing])

    assert [(fault.problem.partition(" is ")[0], fault.fatal) for fault in faults] == [
        ("has 1 partitions, wanted 6", True),
        ("cleanup.policy", True),
        ("retention.ms", True),
        ("segment.bytes", False),
        ("is missing", True),
    ]
    assert "PIPELINE_PARTITIONS=1" in faults[0].remedy
    assert "--add-config cleanup.policy=compact" in faults[1].remedy
    assert "pipeline topics create" in str(faults[-1])


@pytest.mark.parametrize("kept", ["-1", "5000"])
def test_records_kept_longer_than_asked_are_no_fault(kafka: KafkaAccess, topic_prefix: str, kept: str) -> None:
    create_topics(kafka, [TopicSpec(topic_prefix, 1, {"retention.ms": kept})], 1)

    assert check_topics(kafka, [TopicSpec(topic_prefix, 1, {"retention.ms": "4000"})]) == []


def test_more_copies_than_brokers_is_refused_with_the_setting_to_change(kafka: KafkaAccess, topic_prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="PIPELINE_REPLICATION_FACTOR"):
        create_topics(kafka, [TopicSpec(topic_prefix, 1)], 99)


def test_deleting_a_topic_that_is_not_there_is_no_error(kafka: KafkaAccess, topic_prefix: str) -> None:
    delete_topics(kafka, [topic_prefix])


def test_a_groups_session_and_heartbeat_times_are_set_on_the_broker(kafka: KafkaAccess, topic_prefix: str) -> None:
    group = topic_prefix + "group"

    set_group_timeouts(kafka, group, 6000, 500)

    admin = kafka.admin()
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.GROUP, group)], request_timeout=30).values()
    found = answer.result()
    assert found["consumer.session.timeout.ms"].value == "6000"
    assert found["consumer.heartbeat.interval.ms"].value == "500"


def test_times_outside_the_brokers_bounds_are_refused(kafka: KafkaAccess, topic_prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="session times of group"):
        set_group_timeouts(kafka, topic_prefix, 10, 1)
