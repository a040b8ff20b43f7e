"""The roles, each in this process until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.cli.installation import Installation


def run_sinks(here: Installation) -> None:
    """Carries commands out."""
    from pipeline.sinks.main import run

    asyncio.run(run(here.settings, here.access))


def run_gateway(here: Installation) -> None:
    """Takes events and webhooks in, and keeps the log of runs fresh beside that."""
    from pipeline.cli.supervisor import Stop
    from pipeline.control.secrets import load_secret_box
    from pipeline.control.store import ControlTail
    from pipeline.gateway.api.parts import Api
    from pipeline.gateway.api.token import api_token
    from pipeline.gateway.app import build_gateway
    from pipeline.gateway.producer import AcknowledgingProducer
    from pipeline.gateway.server import bind, gateway_server
    from pipeline.operations.views.build import build_follower, build_views, open_database

    listener = bind(here.settings)
    token, _ = api_token(here.settings)
    _ask_registry(here)
    box = load_secret_box(here.settings)
    producer = AcknowledgingProducer(here.access)
    tail, fresh = (ControlTail(here.access, here.topics.control, here.codec) for _ in range(2))
    database = open_database(here.settings, here.access, here.topics)
    try:
        tail.follow()
        app = build_gateway(
            apps=here.apps,
            topics=here.topics,
            codec=here.codec,
            producer=producer,
            control=lambda: tail.snapshot,
            box=box,
            api=Api(
                *(here.settings, here.apps, here.topics, here.codec, here.access),
                tail=fresh,
                token=token,
                views=build_views(database, here.access, here.topics, here.codec),
            ),
        )
        # uvicorn raises the signal again after a clean end; `Stop` takes it.
        with Stop(), build_follower(here.settings, database, here.access, here.topics, here.codec):
            asyncio.run(gateway_server(app).serve(sockets=[listener]))
    finally:
        tail.close()
        fresh.close()
        database.close()
        producer.close()
        listener.close()


def _ask_registry(here: Installation) -> None:
    """A gateway starts without its schema registry: it answers 503 where it needs it, until that is back."""
    import structlog

    from pipeline.errors import Retry

    try:
        here.codec.ready()
    except Retry as error:
        structlog.get_logger().warning("events cannot be taken in yet", reason=str(error))


def run_agents(here: Installation) -> None:
    """Decides what is to be done about each event."""
    from pipeline.agents.worker import run

    run(here.settings.model_copy(update={"kafka_bootstrap_servers": here.access.bootstrap_servers}))
