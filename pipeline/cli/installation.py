"""What most commands work with: settings, apps, topics, codec and Kafka, put together once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli.kafka import Kafka, Say, kafka_access
from pipeline.operations.installation import Parts
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.schemas.topics import Topics


def read_settings() -> Settings:
    """From the environment. Raises `ConfigurationError` that names the variable."""
    from pydantic import ValidationError

    from pipeline.errors import ConfigurationError

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"PIPELINE_{name.upper()}"
        raise ConfigurationError(f"environment variable {variable}: {first['msg']}") from None


def topics_of(settings: Settings, apps: Mapping[str, App]) -> Topics:
    from pipeline.schemas.topics import Topics

    return Topics(settings.topic_prefix, settings.partitions, tuple(apps))


@dataclass(frozen=True)
class Installation(Parts):
    """One installation, reached by a command."""

    kafka: Kafka

    def make_topics(self) -> list[str]:
        """On the embedded broker, what is missing is made; a cluster's topics are `pipeline topics create`'s."""
        from pipeline.kafka.admin import create_topics

        return create_topics(self.access, self.topics.specs(), self.kafka.replication_factor(self.settings))


@contextmanager
def installation(settings: Settings | None = None, say: Say = lambda _: None) -> Iterator[Installation]:
    """For the duration of a command; see `kafka_access`."""
    import structlog

    from pipeline.apps.registry import load_apps
    from pipeline.cli.logs import configure_logging
    from pipeline.schemas.codec import build_codec

    settings = settings or read_settings()
    if not structlog.is_configured():
        configure_logging("WARNING")
    apps = load_apps()
    topics = topics_of(settings, apps)
    codec = build_codec(settings, topics)
    with kafka_access(settings, say) as kafka:
        made = Installation(settings, apps, topics, codec, kafka.access, kafka)
        if kafka.local:
            made.make_topics()
        yield made
