"""A gateway with its control API over the real broker, and its users: with the token, and without."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pipeline.apps.registry import load_apps
from pipeline.control.store import ControlTail
from pipeline.gateway.api.parts import Api
from pipeline.gateway.api.token import api_token
from pipeline.gateway.app import build_gateway
from pipeline.gateway.producer import AcknowledgingProducer
from pipeline.gateway.server import bind, gateway_server
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.views.build import build_projector, build_views, open_database
from pipeline.operations.views.projector import Projector
from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings


@dataclass
class Served:
    """`client` sends the token, `stranger` does not. `projector` brings the log of runs up to date."""

    client: httpx.Client
    stranger: httpx.Client
    parts: Api
    projector: Projector

    @property
    def url(self) -> str:
        return str(self.client.base_url)


@pytest.fixture(scope="module")
def served(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests of a module."""
    with serving(kafka, tmp_path_factory.mktemp("state")) as made:
        yield made


@contextmanager
def serving(access: KafkaAccess, state_dir: Path) -> Iterator[Served]:
    settings = Settings(gateway_port=0, state_dir=state_dir)
    apps, codec = load_apps(), Codec()
    topics = Topics(f"api-{uuid.uuid4().hex[:8]}.", 1, tuple(apps))
    create_topics(access, topics.specs(), 1)
    database = open_database(settings, access, topics)
    token, _ = api_token(settings)
    tail = ControlTail(access, topics.control, codec)
    parts = Api(
        *(settings, apps, topics, codec, access),
        tail=tail,
        token=token,
        views=build_views(database, access, topics, codec),
    )
    listener, producer = bind(settings), AcknowledgingProducer(access)
    app = build_gateway(
        apps=apps, topics=topics, codec=codec, producer=producer, control=parts.control, box=parts.box(), api=parts
    )
    server = gateway_server(app)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.01)
    host, port = listener.getsockname()[:2]
    url = f"http://{host}:{port}"
    headers = {"Authorization": f"Bearer {token()}"}
    try:
        with (
            httpx.Client(base_url=url, headers=headers, timeout=30) as client,
            httpx.Client(base_url=url, timeout=30) as stranger,
            build_projector(database, access, topics, codec) as projector,
        ):
            yield Served(client, stranger, parts, projector)
    finally:
        server.should_exit = True
        thread.join(20)
        tail.close()
        database.close()
        producer.close()
        listener.close()
