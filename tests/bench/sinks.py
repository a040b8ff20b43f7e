"""A stage for the figures of the sinks: a Zoho Books twin and a worker as processes, connections, a backlog."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from pipeline.apps.registry import load_apps
from pipeline.apps.transport import HttpTransport
from pipeline.control.secrets import SecretBox, secret_name
from pipeline.control.store import ControlStore
from pipeline.kafka.admin import create_topics, delete_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.remote import RemoteZohoBooks
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Command, Connection, Result, Run, mapping_scope
from pipeline.schemas.topics import Topics

LATENCY = 0.05
IN_FLIGHT = 10
PARTITIONS = 6
PATIENCE = 180.0
KEY = b"bench-only-bench-only-bench-only"
CLIENT = {"id": "1000.BENCH", "secret": "bench-secret"}
FIELDS = [
    {"entity": entity, "api_name": name, "unique": True}
    for entity, name in (("contact", "cf_togai_account_id"), ("invoice", "cf_togai_invoice_id"))
]
SOURCE = "togai-bench"


@dataclass(frozen=True, slots=True)
class Stage:
    """One twin with an organisation for each connection, no quotas, and a worker. `environment` is the worker's."""

    access: KafkaAccess
    topics: Topics
    codec: Codec
    books: RemoteZohoBooks
    connections: Sequence[str]
    environment: Mapping[str, str]

    def send(self, count: int, *, replay: str = "") -> None:
        """`count` commands, a party each, in turn over the connections; with `replay`, the same parties again."""
        connections = self.connections
        self.send_commands(
            make_command(connections[number % len(connections)], f"account-{number:06d}", replay)
            for number in range(count)
        )

    def send_commands(self, commands: Iterable[Command]) -> None:
        """Returns when all of them are acknowledged."""
        producer, topic = self.access.producer(), self.topics.commands("zohobooks")
        for command in commands:
            while True:
                try:
                    producer.produce(topic, self.codec.encode(command), command.connection.encode())
                    break
                except BufferError:
                    producer.poll(0.1)
        if left := producer.flush(PATIENCE):
            raise TimeoutError(f"{left} commands were not acknowledged within {PATIENCE:g} s")

    def results(self, count: int) -> list[Result]:
        """The first `count` results there are. Raises TimeoutError."""
        found: list[Result] = []
        with self.reading() as read:
            deadline = time.monotonic() + PATIENCE
            while len(found) < count:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(found)} of {count} results within {PATIENCE:g} s")
                found += [result for result, _ in read(0.2)]
        return found

    @contextmanager
    def reading(self) -> Iterator[Callable[[float], list[tuple[Result, float]]]]:
        """A function that gives the results that came next, within so many seconds, and when each was written."""
        reader = self.access.reader()
        places = range(self.topics.partitions)
        reader.assign([TopicPartition(self.topics.results, index, OFFSET_BEGINNING) for index in places])

        def read(seconds: float) -> list[tuple[Result, float]]:
            return [
                (self.codec.decode(Result, message.value() or b""), message.timestamp()[1] / 1000)
                for message in reader.consume(2000, seconds)
                if message.error() is None
            ]

        try:
            yield read
        finally:
            reader.close()


def make_command(connection: str, account: str, replay: str = "", name: str = "") -> Command:
    """A contact for an account, with everything that a flow would put into it. Another name is another call."""
    run = Run(
        id=str(uuid.uuid4()),
        link="accounts",
        flow="bench",
        flow_version="1",
        event_id=f"event-{account}",
        event_type="togai.account.created",
        source_connection=SOURCE,
        subject=account,
        party=account,
        replay=replay,
    )
    party = {
        "type": "account",
        "id": account,
        "name": name or f"Account {account}",
        "email": f"ap@{account}.example",
        "currency": "USD",
        "address": {"line1": "1 Main Street", "city": "Florence", "country": "US"},
    }
    return Command(
        id=str(uuid.uuid4()),
        connection=connection,
        app="zohobooks",
        action="upsert_contact",
        party=account,
        input={"party": party, "source": {"app": "togai", "type": "account", "id": account}},
        run=run,
        step="contact",
        index=0,
        last=True,
        scope=mapping_scope(SOURCE, connection),
    )


@contextmanager
def stage(
    bootstrap: str,
    build: Path,
    connections: int,
    *,
    settings: Mapping[str, Any] | None = None,
    partitions: int = PARTITIONS,
    worker: bool = True,
) -> Iterator[Stage]:
    """The worker runs as soon as the block begins; all is stopped and dropped when it ends.

    `settings` of the connections beside the usual ones. Without `worker`, the block starts its own.
    """
    access, codec, apps = KafkaAccess(bootstrap), Codec(), load_apps()
    topics = Topics(f"bench-{uuid.uuid4().hex[:6]}.", partitions, tuple(apps))
    create_topics(access, topics.specs(), 1)
    ids = [f"books-{number}" for number in range(connections)]
    config = build / "bench-sandbox.yaml"
    config.write_text(yaml.safe_dump(_sandbox(len(ids))))
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "PIPELINE_TOPIC_PREFIX": topics.prefix,
        "PIPELINE_PARTITIONS": str(partitions),
        "PIPELINE_STATE_DIR": str(build / "bench-state"),
        "PIPELINE_SECRETS_KEYS": f"bench:{base64.b64encode(KEY).decode()}",
        "PIPELINE_LOG_LEVEL": "WARNING",
    }
    twin = [sys.executable, "-m", "pipeline.sandbox", "--config", str(config), "--port", "0", "--with-stdin"]
    with _process(twin, {}) as twins:
        assert twins.stdout is not None
        url = json.loads(twins.stdout.readline())["zohobooks"]["base_url"]
        with RemoteZohoBooks(url) as books:
            rows = asyncio.run(_connect(ids, url, books, settings or {}))
            ControlStore(access, topics.control, codec).write(rows)
            ready = Stage(access, topics, codec, books, ids, environment)
            program = [sys.executable, "-m", "tests.bench.systems.sinks"]
            with _process(program, environment) if worker else nullcontext():
                yield ready
    delete_topics(access, [spec.name for spec in topics.specs()])


def _sandbox(organizations: int) -> dict[str, Any]:
    limits = {"per_minute": None, "per_day": None, "in_flight": None}
    rows = [
        {"id": str(1000 + number), "name": f"Bench {number}", "custom_fields": FIELDS, "limits": limits}
        for number in range(organizations)
    ]
    return {
        "zohobooks": {"clients": [CLIENT], "organizations": rows, "latency": LATENCY},
        "togai": {"tokens": ["bench"]},
    }


async def _connect(ids: Sequence[str], url: str, books: RemoteZohoBooks, more: Mapping[str, Any]) -> list[Connection]:
    """Through the real exchange: one code for all, because one user sees all organisations."""
    box, app = SecretBox({"bench": KEY}), load_apps()["zohobooks"]
    transport = HttpTransport()
    settings: dict[str, Any] = {
        "accounts_url": url,
        "api_url": url,
        "in_flight": IN_FLIGHT,
        "calls_per_minute": 10_000_000,
        "calls_per_day": 10_000_000,
        "organization_id": "1000",
        **more,
    }
    code = books.grant_code(CLIENT["id"])
    typed = {"client_id": CLIENT["id"], "client_secret": CLIENT["secret"], "self_client_code": code}
    kept = await app.connect(settings, typed, transport)
    await transport.close()
    return [
        Connection(
            id=id_,
            app="zohobooks",
            settings={**settings, "organization_id": str(1000 + number)},
            secrets={name: box.seal(secret_name(id_, name), value) for name, value in kept.items()},
        )
        for number, id_ in enumerate(ids)
    ]


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment, "PYTHONWARNINGS": "ignore"},
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
