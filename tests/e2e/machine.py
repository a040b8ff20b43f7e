"""The whole machine on a broker of the tests: its topics, its roles as processes, connected to the twins."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import httpx

from pipeline.apps.registry import load_apps
from pipeline.cli.installation import Installation, topics_of
from pipeline.cli.kafka import Kafka
from pipeline.cli.run import Role
from pipeline.control.apply import Done
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.ports import free_port
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.codec import build_codec
from pipeline.settings import Settings
from tests.e2e.control import PARTITIONS, ControlFile
from tests.e2e.record import Record
from tests.e2e.roles import RoleProcess
from tests.e2e.twins import Twins

PATIENCE = 90.0
"""Seconds after which what has not come will not come; a test that goes well never gets near it."""


class Machine:
    """Start roles, apply files, send events, wait for what must come."""

    def __init__(
        self,
        access: KafkaAccess,
        prefix: str,
        directory: Path,
        twins: Twins,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` of the roles on top of the machine's own."""
        self.twins = twins
        self.control = ControlFile(directory, twins)
        self._directory = directory
        self.environment = {
            "KAFKA_BOOTSTRAP_SERVERS": access.bootstrap_servers,
            "PIPELINE_STATE_DIR": str(directory / "state"),
            "PIPELINE_TOPIC_PREFIX": prefix,
            "PIPELINE_PARTITIONS": str(PARTITIONS),
            "PIPELINE_REPLICATION_FACTOR": "1",
            "PIPELINE_SESSION_TIMEOUT_SECONDS": "3",
            "PIPELINE_BATCH_SIZE": "25",
            "PIPELINE_SECRETS_KEYS": "test:" + base64.b64encode(bytes(range(32))).decode(),
            "PIPELINE_GATEWAY_PORT": str(free_port()),
            **(environment or {}),
        }
        settings = _settings(self.environment)
        apps = load_apps()
        topics = topics_of(settings, apps)
        self.here = Installation(
            settings, apps, topics, build_codec(settings, topics), access, Kafka(access, local=False)
        )
        self.gateway = f"http://{settings.gateway_host}:{settings.gateway_port}"
        self.roles: list[RoleProcess] = []
        create_topics(access, self.here.topics.specs(), replication_factor=1)
        self.record = Record(access, self.here.topics, self.here.codec)

    # --- processes ----------------------------------------------------------------------------------------------

    def start(self, *roles: Role, environment: Mapping[str, str] | None = None) -> list[RoleProcess]:
        """`environment` of these processes on top of that of all."""
        started = []
        for role in roles:
            log = self._directory / f"{role}-{len(self.roles)}.log"
            started.append(RoleProcess(role, {**self.environment, **(environment or {})}, log))
            self.roles.append(started[-1])
        return started

    def stop(self) -> None:
        """All roles end, as by SIGTERM; then nothing can come any more, and everything is read."""
        for role in self.roles:
            role.ask_to_leave()
        for role in self.roles:
            role.leave()
        self.roles.clear()
        while self.record.poll(0.5):
            pass

    def close(self) -> None:
        self.stop()
        self.record.close()

    def pipeline(
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command as a user types it; `environment` on top of the machine's."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, **self.environment, **(environment or {})},
        )

    # --- control ------------------------------------------------------------------------------------------------

    def apply(self, file: Path, *, key_lost: bool = False) -> dict[str, Done]:
        """As `pipeline apply FILE --yes` (and `--key-lost`); gives what became of each row, by its id."""
        applier, stored = self.here.applier(), self.here.control()
        plan = applier.plan([file], stored, key_lost=key_lost)
        done = asyncio.run(applier.apply(plan, stored, self.here.store()))
        return {item.id: item for item in done}

    def connect(self) -> None:
        """Both apps, both flows of the catalogue, and a link of each."""
        done = self.apply(self.control.write([self.control.togai(), self.control.books()], self.control.links()))
        assert all(item.good for item in done.values()), done

    # --- events -------------------------------------------------------------------------------------------------

    def send(self, events: Iterable[Json]) -> None:
        """Full CloudEvents straight onto the topic, as a platform team's producer would."""
        topic = self.here.topics.events("togai")
        self.send_raw(topic, [(f"{event['connection']}/{event['party']}".encode(), encode(event)) for event in events])

    def send_raw(self, topic: str, records: Iterable[tuple[bytes | None, bytes]]) -> None:
        producer = self.here.access.producer()
        for key, value in records:
            producer.produce(topic, value, key)
        assert producer.flush(PATIENCE) == 0

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Reads on until `reached`; what it saw is in the failure."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {role.log.name}\n{role.last_words()}" for role in self.roles)
                raise AssertionError(f"{what}: not within {PATIENCE:g} s\n{self.record.summary()}\n{logs}")
            self.record.poll()

    def until_ready(self) -> None:
        """The gateway takes events."""

        def ready() -> bool:
            try:
                return httpx.get(f"{self.gateway}/ready").status_code == 200
            except httpx.TransportError:
                return False

        self.until(ready, "the gateway is ready")


def _settings(environment: Mapping[str, str]) -> Settings:
    given = {
        name.removeprefix("PIPELINE_").lower() if name.startswith("PIPELINE_") else name: value
        for name, value in environment.items()
    }
    return Settings(**given)  # type: ignore[arg-type]  # pydantic reads the numbers out of the text
