"""An installation on the test broker: real topics, the shipped account flow switched on, workers when asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from confluent_kafka import Message

from pipeline.agents.worker import serve
from pipeline.apps.registry import load_apps
from pipeline.control.store import ControlStore
from pipeline.flows.compile import load_flow
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import read_to_end
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Connection, DeadLetter, Decision, FlowVersion, Link
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings

CATALOGUE = Path(__file__).parents[2] / "configs" / "flows"
FLOW = "togai-account-to-zohobooks-contact"
TOGAI, ZOHO = "togai-main", "zoho-main"
PATIENCE = 60.0

Record = TypeVar("Record", bound=msgspec.Struct)


class House:
    """Topics with a prefix of their own, and what goes in and comes out of them."""

    def __init__(self, access: KafkaAccess, prefix: str, state_dir: Path, partitions: int = 4) -> None:
        self.access = access
        self.apps = load_apps()
        self.topics = Topics(prefix, partitions, tuple(self.apps))
        self.codec = Codec()
        self.settings = Settings(
            state_dir=state_dir,
            topic_prefix=prefix,
            partitions=partitions,
            session_timeout_seconds=2,
            KAFKA_BOOTSTRAP_SERVERS=access.bootstrap_servers,
        )
        self._workers: list[asyncio.Task[None]] = []
        self.store = ControlStore(access, self.topics.control, self.codec)
        create_topics(access, self.topics.specs(), replication_factor=1)

    def switch_on(self, link: str = "accounts", **options: Any) -> None:
        """Both connections, the shipped account flow, and a link of it."""
        version, text = account_flow()
        self.store.write(
            [
                Connection(id=TOGAI, app="togai"),
                Connection(id=ZOHO, app="zohobooks"),
                FlowVersion(id=FLOW, version=version, text=text),
                Link(
                    id=link,
                    flow=FLOW,
                    flow_version=version,
                    connections={"togai": TOGAI, "zohobooks": ZOHO},
                    options=options,
                ),
            ]
        )

    def slow(self) -> None:
        """Workers take a few events at a time, so that there is a middle in which something can happen."""
        self.settings = self.settings.model_copy(update={"batch_size": 5})

    # --- in -------------------------------------------------------------------------------------------------------

    def send(self, events: Iterable[Event]) -> None:
        self.send_raw(self.topics.events("togai"), [(event.key, self.codec.encode(event)) for event in events])

    def send_raw(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        producer = self.access.producer()
        for key, value in records:
            producer.produce(topic, value, key)
        assert producer.flush(PATIENCE) == 0

    # --- out ------------------------------------------------------------------------------------------------------

    def messages(self, topic: str) -> list[Message]:
        """All committed records, in order within each partition."""
        return [message for rows in read_to_end(self.access, topic) for message in rows]

    def records(self, topic: str, kind: type[Record]) -> list[Record]:
        return [self.codec.decode(kind, message.value() or b"") for message in self.messages(topic)]

    def decisions(self) -> list[Decision]:
        return self.records(self.topics.decisions, Decision)

    def commands(self, app: str = "zohobooks", *, bulk: bool = False) -> list[Command]:
        return self.records(self.topics.commands(app, bulk=bulk), Command)

    def dead_letters(self) -> list[DeadLetter]:
        return self.records(self.topics.dead_letters, DeadLetter)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Returns once `holds`; fails after a minute."""
        deadline = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < deadline, "it did not come to pass"
            for worker in self._workers:
                if worker.done():
                    worker.result()
            await asyncio.sleep(0.05)

    # --- workers --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """One worker in this process; leaving stops it and raises what it raised."""
        stopping = asyncio.Event()
        worker = asyncio.create_task(serve(self.settings, stopping, self.apps))
        self._workers.append(worker)
        try:
            yield
        finally:
            self._workers.remove(worker)
            stopping.set()
            await worker


def account_flow() -> tuple[str, str]:
    """Version and text of the shipped account flow."""
    text = (CATALOGUE / f"{FLOW}.yaml").read_text(encoding="utf-8")
    return load_flow(text, load_apps()).version, text


def account(number: int, *, status: str = "ACTIVE", **attributes: Any) -> Event:
    """`account.created` of account `number`, complete."""
    subject = f"account-{number}"
    return Event(
        **{
            "id": f"event-{number}",
            "source": f"togai/{TOGAI}",
            "type": "togai.account.created",
            "subject": subject,
            "connection": TOGAI,
            "party": subject,
            "data": {"id": subject, "name": f"Account {number}", "status": status, "invoiceCurrency": "USD"},
            **attributes,
        }
    )
