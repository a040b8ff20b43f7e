"""Who holds which partitions, as the group's coordinator says."""

from __future__ import annotations

from pipeline.kafka.clients import KafkaAccess


def shares(access: KafkaAccess, group: str) -> list[frozenset[int]]:
    """The partition numbers of each member, whatever the topic; a member without any is left out."""
    admin = access.admin()
    described = admin.describe_consumer_groups([group])[group].result()
    held = [frozenset(place.partition for place in member.assignment.topic_partitions) for member in described.members]
    return [share for share in held if share]
