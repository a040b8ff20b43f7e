"""Settings of a topic changed, as an operator does."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not re-export them
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from pipeline.kafka.clients import KafkaAccess


def configure(access: KafkaAccess, topic: str, settings: Mapping[str, str]) -> None:
    """Returns when the broker has taken them."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = access.admin()
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
