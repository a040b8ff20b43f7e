"""The Faust app of the agents: a factory, because nothing of it is global.

Faust hosts: life cycle, supervision, timers, the agents. Events and steps reach their agent in batches through a
confluent-kafka consumer and leave in one transaction each, since Faust's own ``exactly_once`` writes outside of
transactions and its streams acknowledge an event whose agent failed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import faust
import structlog
from faust.types import EventT, StreamT

from pipeline.agents.evaluate import Evaluator
from pipeline.agents.feed import BatchChannel, Feed
from pipeline.agents.transaction import Transactions
from pipeline.agents.work import Work
from pipeline.kafka.batch import Batch
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.faust_access import faust_access

log = structlog.get_logger(__name__)

REPORT_SECONDS = 30.0
HEARTBEATS_A_SESSION = 4
_CHATTY = ("faust", "aiokafka", "mode")


def build_app(
    evaluator: Evaluator,
    access: KafkaAccess,
    *,
    name: str,
    topics: Sequence[str],
    incidents: str,
    batch_size: int,
    state_dir: Path,
    session_timeout: float = 6.0,
) -> faust.App:
    """The app that evaluates `topics` as a member of group `name`, and logs what arrives on topic `incidents`.

    `session_timeout` in seconds is that of Faust's own group: the successor of a killed worker waits for it before
    Faust starts its tasks, and so before the first batch.

    Start it with `await app.start()`; `await app.stop()` ends it once the batches in work have settled. A failure
    that no retry mends crashes the app, which shows in `app.crash_reason`: its process should end and be started anew.
    """
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    reach = faust_access(access)
    app = faust.App(
        f"{name}.incidents",
        broker=reach.broker,
        broker_credentials=reach.broker_credentials,
        datadir=str(state_dir / "faust"),
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / HEARTBEATS_A_SESSION,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=True,
        worker_redirect_stdouts=False,
    )
    work = Work(evaluator, Transactions(access, name))
    channel = BatchChannel(app)
    feed = Feed(channel, evaluator, work, access, group=name, topics=topics, batch_size=batch_size, beacon=app.beacon)

    @app.agent(channel, name="batches")
    async def batches(stream: StreamT[Batch]) -> None:
        async for batch in stream:
            work.submit(batch)

    @app.agent(app.topic(incidents, key_type=bytes, value_type=bytes, value_serializer="raw"), name="incidents")
    async def report_incidents(stream: StreamT[bytes]) -> None:
        event: EventT[bytes]
        async for event in stream.events():
            message = event.message
            log.warning("dead letter", topic=message.topic, partition=message.partition, offset=message.offset)

    async def start_feed() -> None:
        await app.add_runtime_dependency(feed)

    async def report() -> None:
        if evaluator.counts:
            log.info("agents", **{word.replace(" ", "_"): count for word, count in sorted(evaluator.counts.items())})

    app.task(start_feed)
    app.timer(REPORT_SECONDS, name="report")(report)
    return app
