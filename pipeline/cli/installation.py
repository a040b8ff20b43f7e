"""What most commands work with: settings, apps, topics, codec and Kafka, put together once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli.kafka import Kafka, Say, kafka_access
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.control.apply import Applier
    from pipeline.control.plan import CheckedFlow
    from pipeline.control.snapshot import ControlSnapshot
    from pipeline.control.store import ControlStore
    from pipeline.kafka.clients import KafkaAccess
    from pipeline.operations.lookup import Lookup
    from pipeline.operations.replay import Replay
    from pipeline.schemas.codec import Codec
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


def flow_check(apps: Mapping[str, App]) -> Callable[[str, str], CheckedFlow]:
    """Compiles flows against the installed apps."""
    from pipeline.flows.compile import load_flow

    return lambda text, file: load_flow(text, apps, file)


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation, reached. Its parts are made when they are asked for: commands start quickly."""

    settings: Settings
    apps: Mapping[str, App]
    topics: Topics
    codec: Codec
    kafka: Kafka

    @property
    def access(self) -> KafkaAccess:
        return self.kafka.access

    def store(self) -> ControlStore:
        from pipeline.control.store import ControlStore

        return ControlStore(self.access, self.topics.control, self.codec)

    def control(self) -> ControlSnapshot:
        """All that was acknowledged before."""
        from pipeline.control.store import read_control

        return read_control(self.access, self.topics.control, self.codec)

    def applier(self, *, probe: bool = True) -> Applier:
        from pipeline.control.apply import Applier
        from pipeline.control.secrets import load_secret_box

        return Applier(self.apps, flow_check(self.apps), load_secret_box(self.settings), probe=probe)

    def lookup(self) -> Lookup:
        from pipeline.operations.lookup import Lookup

        return Lookup(self.access, self.topics, self.codec)

    def replay(self) -> Replay:
        from pipeline.operations.replay import Replay

        return Replay(self.access, self.apps, self.topics, self.codec)

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
    topics, codec = topics_of(settings, apps), build_codec(settings)
    with kafka_access(settings, say) as kafka:
        made = Installation(settings, apps, topics, codec, kafka)
        if kafka.local:
            made.make_topics()
        yield made
