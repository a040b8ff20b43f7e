"""Where faults are run: one broker for all, one machine for those that leave it whole, and fresh ones for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from pipeline.cli.run import Role
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from pipeline.sandbox.config import Organization
from tests.e2e.conftest import running
from tests.e2e.machine import Machine
from tests.e2e.twins import ROOT

SHORT_TIMES = {
    "PIPELINE_SESSION_TIMEOUT_SECONDS": "2",
    "KAFKA_TRANSACTION_TIMEOUT_MS": "2000",
    "KAFKA_DELIVERY_TIMEOUT_MS": "2000",
}
"""For roles that are killed often: a dead one is missed after two seconds, and its open transaction aborted."""


class Lab:
    """Closes all that it opened."""

    def __init__(self, access: KafkaAccess, directory: Path, jars: JarSource | None = None) -> None:
        """`directory` for the state and logs of machines and brokers of their own."""
        self.access = access
        self.jars = jars or JarSource.from_environment(ROOT / ".state")
        self._directory = directory
        self._stack = ExitStack()
        self._shared: Machine | None = None

    def machine(self) -> Machine:
        """The shared one: connected, agents and sinks running, no fault placed and no latency.

        For faults that need no other connection, topics or processes. Leave it like that; its twins hold the objects of
        all faults before, so judge by what was sent (`Expected`), with ids of your own.
        """
        if self._shared is None:
            self._shared = self._stack.enter_context(self.fresh())
            self._shared.connect()
            self._shared.start(Role.AGENTS, Role.SINKS)
        for served in (self._shared.twins.books, self._shared.twins.togai):
            served.call(served.twin.faults.clear)
            served.twin.latency = 0.0
        return self._shared

    @contextmanager
    def fresh(
        self,
        organizations: Sequence[Organization] = (),
        *,
        environment: Mapping[str, str] | None = None,
        access: KafkaAccess | None = None,
    ) -> Iterator[Machine]:
        """One with topics, twins and processes of its own, on the shared broker unless told; nothing runs yet."""
        with running(access or self.access, self.directory("machine"), organizations, environment=environment) as made:
            yield made

    @contextmanager
    def broker(self) -> Iterator[EmbeddedKafka]:
        """One of its own, for faults that break it."""
        with EmbeddedKafka(self.directory("broker"), jars=self.jars) as broker:
            yield broker

    def directory(self, what: str) -> Path:
        """A new one."""
        return Path(mkdtemp(prefix=f"{what}-", dir=self._directory))

    def close(self) -> None:
        self._stack.close()
        self._shared = None
