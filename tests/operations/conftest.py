"""Topics on the real broker with what the other stages would have written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from pipeline.apps.registry import load_apps
from pipeline.gateway.intake import Intake
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.lookup import Lookup
from pipeline.operations.reader import Scan, scan
from pipeline.operations.replay import Replay
from pipeline.operations.settle import Watchman
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Result, Run, Status
from pipeline.schemas.topics import Topics

APPS = load_apps()


@dataclass(frozen=True)
class House:
    """An installation's topics, written to and read by hand."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    @property
    def replay(self) -> Replay:
        return Replay(self.access, APPS, self.topics, self.codec)

    @property
    def lookup(self) -> Lookup:
        return Lookup(self.access, self.topics, self.codec)

    @property
    def watchman(self) -> Watchman:
        return Watchman(self.access, self.topics, self.codec)

    @cached_property
    def _producer(self) -> Producer:
        """One for all: the first record of an idempotent producer takes half a second."""
        return self.access.producer()

    def put(
        self,
        topic: str,
        rows: Iterable[tuple[str | bytes, msgspec.Struct | bytes | None]],
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        for key, value in rows:
            encoded = self.codec.encode(value) if isinstance(value, msgspec.Struct) else value
            self._producer.produce(topic, key=key, value=encoded, headers=dict(headers or {}))
        assert self._producer.flush(20) == 0

    def send(self, events: Iterable[Event]) -> None:
        intake = Intake(APPS, self.codec, self.topics)
        for event in events:
            record = intake.record(intake.event(self.codec.encode(event)))
            self.put(record.topic, [(record.key, record.value)])

    def later(self) -> datetime:
        """A time after all that was sent, and before all that will be: records have milliseconds."""
        sent = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 <= sent + 1:
            time.sleep(0.001)
        return datetime.fromtimestamp((sent + 1) / 1000, UTC)

    def events(self, app: str = "togai") -> list[Event]:
        rows = scan(self.access, Scan(self.topics.events(app)))
        return [self.codec.decode_event(row.value()) for row in rows]


@pytest.fixture
def house(kafka: KafkaAccess, topic_prefix: str) -> House:
    topics = Topics(topic_prefix, 2, tuple(APPS))
    create_topics(kafka, topics.specs(), 1)
    return House(kafka, topics, Codec())


def event(id: str, account: str = "acc-1", kind: str = "account.created", **changed: Any) -> Event:
    subject = changed.pop("subject", account if kind == "account.created" else f"inv-{id}")
    made = Event(
        id=id, source="togai/togai-main", type=f"togai.{kind}", subject=subject, party=account, data={"id": subject}
    )
    return msgspec.structs.replace(made, **changed)


def run(event_id: str, replay: str = "") -> Run:
    return Run(
        id=f"run-{event_id}",
        link="accounts",
        flow="accounts",
        flow_version="1",
        event_id=event_id,
        event_type="togai.account.created",
        source_connection="togai-main",
        subject="acc-1",
        party="acc-1",
        replay=replay,
    )


def command(id: str, replay: str = "") -> Command:
    return Command(
        id=id,
        connection="books-main",
        app="zohobooks",
        action="upsert_contact",
        party="acc-1",
        input={},
        run=run(id, replay),
        step="contact",
        index=0,
        last=True,
        scope="books-main+togai-main",
    )


def result(command: Command, status: Status = Status.SUCCEEDED) -> Result:
    return Result(
        command=command.id,
        run=command.run.id,
        link=command.run.link,
        flow=command.run.flow,
        step=command.step,
        event_id=command.run.event_id,
        event_type=command.run.event_type,
        subject=command.run.subject,
        connection=command.connection,
        app=command.app,
        action=command.action,
        party=command.party,
        status=status,
        replay=command.run.replay,
        calls=1,
    )
