"""Sink workers as processes on a real Kafka, against the Zoho Books twin over HTTP, fed straight on their topics.

`python -m tests.sinks.harness` is one worker, with its settings by the environment as in production.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]

from pipeline.apps.registry import load_apps
from pipeline.apps.transport import HttpTransport
from pipeline.control.secrets import load_secret_box, secret_name
from pipeline.control.store import ControlStore
from pipeline.failpoints import VARIABLE
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.partitioner import partition_of
from pipeline.sandbox.config import Organization, load
from pipeline.schemas.codec import build_codec
from pipeline.schemas.records import Command, Connection, ConnectionState, Result, Run, Status, mapping_scope
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings
from tests.e2e.record import Record, counted
from tests.e2e.twins import NO_LIMITS, ROOT, Twins, twins

PATIENCE = 120.0
"""Seconds after which what has not come will not come; a test that goes well never gets near it."""
SOURCE = "togai-main"
BOOKS = "books"
ABORT_MS = "3000"
"""How long a dead worker's open transaction holds its successor up."""


class SinkProcess:
    """One worker. Its log is JSON lines."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.sinks.harness"], env=environment, stdout=output, stderr=output
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def asleep(self) -> bool:
        """Whether it is stopped by a signal."""
        return bool(psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def ask_to_leave(self) -> None:
        """SIGTERM. Returns at once."""
        self._process.terminate()

    def leave(self) -> int:
        """SIGTERM; gives the exit code."""
        self.ask_to_leave()
        return self._process.wait(PATIENCE)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of `event`."""
        lines = (json.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{"))
        return [line for line in lines if line.get("event") == event]

    def holds(self) -> set[int]:
        """The partitions that it took over."""
        return {index for line in self.said("partitions taken over") for index in line["partitions"]}

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


class Bench:
    """Topics of their own, connections to the twin, workers when asked for, and all that they committed."""

    def __init__(
        self,
        access: KafkaAccess,
        prefix: str,
        directory: Path,
        both: Twins,
        *,
        partitions: int,
        session: float,
        environment: Mapping[str, str],
    ) -> None:
        self.access, self.twins = access, both
        self._directory = directory
        self._environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": access.bootstrap_servers,
            "KAFKA_TRANSACTION_TIMEOUT_MS": ABORT_MS,
            "KAFKA_DELIVERY_TIMEOUT_MS": ABORT_MS,
            "PIPELINE_STATE_DIR": str(directory),
            "PIPELINE_TOPIC_PREFIX": prefix,
            "PIPELINE_PARTITIONS": str(partitions),
            "PIPELINE_SESSION_TIMEOUT_SECONDS": str(session),
            "PIPELINE_SECRETS_KEYS": "test:" + base64.b64encode(bytes(range(32))).decode(),
            **environment,
        }
        self.settings = Settings(
            topic_prefix=prefix,
            partitions=partitions,
            session_timeout_seconds=session,
            secrets_keys=self._environment["PIPELINE_SECRETS_KEYS"],
        )
        self._apps = load_apps()
        self._box = load_secret_box(self.settings)
        self.topics = Topics(prefix, partitions, tuple(self._apps))
        self.codec = build_codec(self.settings, self.topics)
        create_topics(access, self.topics.specs(), replication_factor=1)
        self._store = ControlStore(access, self.topics.control, self.codec)
        self.record = Record(access, self.topics, self.codec, broken=(Command,))
        self.sent: list[Command] = []
        self.workers: list[SinkProcess] = []

    # --- what goes in -------------------------------------------------------------------------------------------

    def connect(self, id_: str = BOOKS, **changed: Any) -> None:
        """Make the connection, or give it new credentials, by a code of the twin."""
        url = self.twins.books.base_url
        client = self.twins.config.zohobooks.clients[0]
        settings = {
            "organization_id": self.twins.organization,
            "accounts_url": url,
            "api_url": url,
            "calls_per_minute": 1_000_000,
            "calls_per_day": 1_000_000,
            "quiet_seconds": 0.3,
            **changed,
        }
        typed = {"client_id": client.id, "client_secret": client.secret, "self_client_code": self.twins.code()}
        kept = asyncio.run(self._exchange(settings, typed))
        secrets = {name: self._box.seal(secret_name(id_, name), value) for name, value in kept.items()}
        self._store.write([Connection(id=id_, app="zohobooks", settings=settings, secrets=secrets)])

    async def _exchange(self, settings: dict[str, Any], typed: dict[str, str]) -> dict[str, str]:
        transport = HttpTransport()
        try:
            return dict(await self._apps["zohobooks"].connect(settings, typed, transport))
        finally:
            await transport.close()

    def send(self, commands: Iterable[Command], *, bulk: bool = False) -> None:
        commands = list(commands)
        self.sent += commands
        self.send_raw([(command.connection.encode(), self.codec.encode(command)) for command in commands], bulk=bulk)

    def send_raw(self, records: Iterable[tuple[bytes, bytes]], *, bulk: bool = False) -> None:
        producer = self.access.producer()
        for key, value in records:
            producer.produce(self.topics.commands("zohobooks", bulk=bulk), value, key)
        assert producer.flush(PATIENCE) == 0

    # --- workers ------------------------------------------------------------------------------------------------

    def start(self, *, fail_points: str = "") -> SinkProcess:
        log = self._directory / f"sink-{len(self.workers)}.log"
        self.workers.append(SinkProcess({**self._environment, VARIABLE: fail_points}, log))
        return self.workers[-1]

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Reads on until `reached`; what was seen is in the failure."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {worker.log.name}\n{worker.last_words()}" for worker in self.workers)
                raise AssertionError(f"{what}: not within {PATIENCE:g} s\n{self.record.summary()}\n{logs}")
            self.record.poll(0.05)

    def until_results(self, count: int, connection: str = "") -> None:
        self.until(lambda: len(self.results(connection)) >= count, f"{count} results")

    def end(self) -> None:
        """Every worker leaves by SIGTERM, so that nothing can come any more; then all that came is read."""
        for worker in self.workers:
            if worker.alive:
                assert worker.leave() == 0, worker.last_words()
        while self.record.poll(0.3):
            pass

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.record.close()

    # --- what came out ------------------------------------------------------------------------------------------

    def results(self, connection: str = "") -> list[Result]:
        """Of all connections, or of one."""
        return [result for result in self.record.results if connection in ("", result.connection)]

    def settled(self, connection: str = "") -> Counter[str]:
        return Counter(result.settled for result in self.results(connection))

    def calls(self, organization: str = "") -> int:
        """Writing calls that the twin was sent."""
        wanted = organization or self.twins.organization
        return sum(entry.writing and entry.organization == wanted for entry in self.twins.books.ledger.entries)

    def under_way(self, organization: str = "") -> int:
        """Calls that the twin is serving."""
        return self.twins.books.ledger.in_flight(organization or self.twins.organization)

    def state(self, connection: str) -> ConnectionState | None:
        """Its last row."""
        return self.record.states.get(connection)

    def ended_once(self, connection: str = "") -> None:
        """Exactly one good result a command, one object a key, and each party's contents in the order of the source."""
        sent = [command for command in self.sent if connection in ("", command.connection)]
        results = self.results(connection)
        assert not counted(result.command for result in results)
        assert {result.command for result in results} == {command.id for command in sent}
        assert {result.status for result in results} == {Status.SUCCEEDED}, self.record.summary()
        wanted: dict[str, list[str]] = {}
        for command in sent:
            wanted.setdefault(command.input["source"]["id"], []).append(command.input["party"]["name"])
        versions, objects = self.twins.versions(), self.twins.keyed("contacts")
        assert {key: versions.get(key) for key in wanted} == wanted
        assert {key: len(objects.get(key, ())) for key in wanted} == dict.fromkeys(wanted, 1)


@contextmanager
def bench(
    access: KafkaAccess,
    prefix: str,
    directory: Path,
    *,
    partitions: int = 1,
    session: float = 2.0,
    latency: float = 0.0,
    organizations: Sequence[Organization] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Bench]:
    """`session`: seconds until a silent worker has lost its partitions; `latency`: seconds a call of the twin takes."""
    with twins(organizations) as both:
        both.books.twin.latency = latency
        made = Bench(
            access, prefix, directory, both, partitions=partitions, session=session, environment=environment or {}
        )
        try:
            yield made
        finally:
            made.close()


def second_organization() -> Organization:
    """Another organisation of the twin's user."""
    first = load(ROOT / "configs" / "sandbox.yaml").zohobooks.organizations[0]
    return msgspec.structs.replace(first, id="20000001", name="Second Traders", limits=NO_LIMITS)


def keyed_to(partition: int, partitions: int, start: str = BOOKS) -> str:
    """A connection id whose commands land on `partition`."""
    ids = (f"{start}-{number}" for number in range(1000))
    return next(id_ for id_ in ids if partition_of(id_.encode(), partitions) == partition)


def upsert(party: str, version: int, connection: str = BOOKS, *, source: str = "", **changed: Any) -> Command:
    """Version `version` of a contact: each has a name of its own, so each is a writing call."""
    source = source or party
    id_ = f"{connection}-{party}-{version}"
    run = Run(
        id=f"run-{id_}", link="accounts", flow="flow", flow_version="1", event_id=f"event-{id_}",
        event_type="togai.account.updated", source_connection=SOURCE, subject=source, party=party,
    )  # fmt: skip
    given = {
        "source": {"app": "togai", "type": "account", "id": source},
        "party": {"type": "account", "id": source, "name": f"{source} version {version}", "currency": "USD"},
    }
    values: dict[str, Any] = {
        "id": id_, "connection": connection, "app": "zohobooks", "action": "upsert_contact", "party": party,
        "input": given, "run": run, "step": "contact", "index": 0, "last": True,
        "scope": mapping_scope(SOURCE, connection),
    }  # fmt: skip
    return Command(**(values | changed))


def backlog(parties: int, versions: int, connection: str = BOOKS) -> list[Command]:
    """Every party's versions in order, the parties interleaved."""
    return [
        upsert(f"{connection}-party-{party}", version, connection)
        for version in range(versions)
        for party in range(parties)
    ]


def main() -> None:
    from pipeline.cli.logs import configure_logging
    from pipeline.sinks.main import run

    configure_logging(json=True)
    settings = Settings()
    asyncio.run(run(settings, KafkaAccess.from_environment(settings.kafka_bootstrap_servers)))


if __name__ == "__main__":
    main()
