"""A gateway on a free port of the loopback address, over the real broker."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import httpx
import pytest
from confluent_kafka import Message

from pipeline.apps.registry import load_apps
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.gateway.app import build_gateway
from pipeline.gateway.hooks import hook_path
from pipeline.gateway.producer import AcknowledgingProducer
from pipeline.gateway.server import bind, gateway_server
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, DeadLetter
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings

BOX = SecretBox({"a": b"k" * 32})
CONTROL = ControlSnapshot(
    connections={
        "togai-main": Connection(id="togai-main", app="togai"),
        "books-main": Connection(id="books-main", app="zohobooks"),
    }
)


@dataclass
class Gateway:
    """The gateway as its users see it, and the topics as their readers do, from when the test began."""

    client: httpx.Client
    access: KafkaAccess
    topics: Topics
    starts: dict[str, dict[int, int]] = field(default_factory=dict)

    def post(self, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.client.post("/events", content=body, headers={"content-type": content_type, **(headers or {})})

    def hook(self, kind: str, body: bytes, connection: str = "togai-main") -> httpx.Response:
        return self.client.post(hook_path("togai", connection, kind, BOX), content=body)

    def events(self, app: str = "togai") -> list[tuple[bytes | None, Event]]:
        """Key and event, of all that arrived."""
        return [(row.key(), Codec().decode_event(row.value())) for row in self._rows(self.topics.events(app))]

    def dead_letters(self) -> list[DeadLetter]:
        return [Codec().decode(DeadLetter, row.value() or b"") for row in self._rows(self.topics.dead_letters)]

    def _rows(self, topic: str) -> Iterator[Message]:
        return scan(self.access, Scan(topic, starts=self.starts[topic]))


@pytest.fixture(scope="module")
def served(kafka: KafkaAccess) -> Iterator[Gateway]:
    """One for all tests of a module: each has its own view of the topics."""
    apps = load_apps()
    topics = Topics(f"gateway-{uuid.uuid4().hex[:8]}.", 2, tuple(apps))
    create_topics(kafka, [spec for spec in topics.specs() if spec.name in watched(topics)], 1)
    with serving(kafka, topics) as made:
        yield made


@pytest.fixture
def gateway(served: Gateway) -> Gateway:
    return replace(served, starts=ends_of(served.access, watched(served.topics)))


def watched(topics: Topics) -> list[str]:
    return [*map(topics.events, topics.apps), topics.dead_letters]


class serving:  # noqa: N801 - used as a context manager
    """Serves until the block ends."""

    def __init__(
        self, access: KafkaAccess, topics: Topics, delivery_seconds: float = 10, codec: Codec | None = None
    ) -> None:
        self._access, self._topics, self._seconds = access, topics, delivery_seconds
        self._codec = codec or Codec()

    def __enter__(self) -> Gateway:
        self._listener = bind(Settings(gateway_port=0))
        self._producer = AcknowledgingProducer(self._access, delivery_seconds=self._seconds)
        app = build_gateway(
            apps=load_apps(),
            topics=self._topics,
            codec=self._codec,
            producer=self._producer,
            control=lambda: CONTROL,
            box=BOX,
        )
        self._server = gateway_server(app)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._listener])), daemon=True
        )
        self._thread.start()
        host, port = self._listener.getsockname()[:2]
        self._client = httpx.Client(base_url=f"http://{host}:{port}", timeout=20)
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the gateway did not start"
            time.sleep(0.01)
        return Gateway(self._client, self._access, self._topics)

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.should_exit = True
        self._thread.join(20)
        self._producer.close()
        self._listener.close()
