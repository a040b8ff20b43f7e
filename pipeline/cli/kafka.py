"""How a process comes by Kafka: the cluster of the environment, a broker that runs already, or one of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.kafka.clients import KafkaAccess
    from pipeline.kafka.embedded import EmbeddedKafka

Say = Callable[[str], None]

_ANSWER_SECONDS = 30.0
_START_SECONDS = 90.0
_QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Kafka:
    """Access to Kafka. `local` for the embedded broker, whoever runs it; `broker` where this process runs it."""

    access: KafkaAccess
    local: bool
    broker: EmbeddedKafka | None = None

    def replication_factor(self, settings: Settings) -> int:
        return settings.replication_factor or (1 if self.local else 3)


@contextmanager
def kafka_access(settings: Settings, say: Say = lambda _: None) -> Iterator[Kafka]:
    """For the duration of a command. `say` hears what takes time, such as fetching the broker's jars.

    Commands share one embedded broker: the second one finds the first one's address through the state directory.
    Raises `KafkaUnavailable` and `KafkaStartError`.
    """
    from pipeline.kafka.clients import KafkaAccess
    from pipeline.kafka.embedded import EmbeddedKafka, is_held, running_broker
    from pipeline.kafka.wait import wait_for_broker

    if settings.kafka_bootstrap_servers:
        access = KafkaAccess.from_environment(settings.kafka_bootstrap_servers)
        wait_for_broker(access, _ANSWER_SECONDS, on_wait=_once(say, access.bootstrap_servers))
        yield Kafka(access, local=settings.kafka_bootstrap_servers == running_broker(settings.state_dir))
        return
    servers = running_broker(settings.state_dir)
    if not servers and is_held(settings.state_dir):
        say("another process is starting the embedded Kafka; waiting for it")
        servers = _until_running(settings.state_dir)
    if servers:
        access = KafkaAccess.from_environment(servers)
        wait_for_broker(access, _ANSWER_SECONDS, on_wait=_once(say, servers))
        yield Kafka(access, local=True)
        return
    say(f"starting the embedded Kafka in {settings.state_dir} (or set KAFKA_BOOTSTRAP_SERVERS to use a cluster)")

    began = time.monotonic()

    def progress(done: int, total: int, name: str) -> None:
        # Jars that are there are only checked, which is over before anyone wonders.
        if (done == total or done % 5 == 0) and time.monotonic() - began > _QUIET_SECONDS:
            say(f"  Kafka's jars: {done} of {total} ({name})")

    with EmbeddedKafka(settings.state_dir, progress=progress) as broker:
        yield Kafka(KafkaAccess.from_environment(broker.bootstrap_servers), local=True, broker=broker)


def _until_running(state_dir: Path) -> str | None:
    """The address of a broker that another process is bringing up; None where it gave up."""
    from pipeline.kafka.embedded import is_held, running_broker

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        servers = running_broker(state_dir)
        if servers or not is_held(state_dir):
            return servers
        time.sleep(0.1)
    return None


def _once(say: Say, servers: str) -> Say:
    said: list[str] = []

    def wait(reason: str) -> None:
        if not said:
            said.append(reason)
            say(f"waiting for Kafka on {servers} ({reason})")

    return wait
