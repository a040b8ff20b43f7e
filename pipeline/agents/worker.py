"""One worker of the agents, from start to a clean end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping

import structlog

from pipeline.agents.app import HEARTBEATS_A_SESSION, build_app
from pipeline.agents.batch import DecideBatch
from pipeline.agents.dedupe import Dedupe
from pipeline.agents.rules import LiveRules
from pipeline.agents.tail import DecisionTail
from pipeline.agents.tuning import tune_interpreter
from pipeline.apps.base import App
from pipeline.apps.registry import load_apps
from pipeline.clock import SystemClock
from pipeline.errors import ConfigurationError, PipelineError
from pipeline.failpoints import arm_from_environment
from pipeline.kafka.admin import check_topics, set_group_timeouts
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.wait import wait_for_broker
from pipeline.schemas.codec import build_codec
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings

log = structlog.get_logger(__name__)

GROUP = "agents"


class WorkerCrashed(PipelineError):
    """The worker met something that no retry mends; nothing is lost, another worker or a restart goes on."""


def run(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT; the batch in work is finished and committed first.

    Raises `ConfigurationError`, `KafkaUnavailable`, `Retry` (by the registry) at the start, `WorkerCrashed` later.
    """

    arm_from_environment()

    async def until_signalled() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        tune_interpreter()
        await serve(settings, stopping)

    asyncio.run(until_signalled())


async def serve(settings: Settings, stopping: asyncio.Event, apps: Mapping[str, App] | None = None) -> None:
    """Decide events until `stopping` is set. `apps` are those installed unless given."""
    apps = load_apps() if apps is None else apps
    topics = Topics(settings.topic_prefix, settings.partitions, tuple(apps))
    access = KafkaAccess.from_environment(settings.kafka_bootstrap_servers)
    codec = build_codec(settings, topics)
    group = settings.topic_prefix + GROUP
    await asyncio.to_thread(_prepare, access, topics, group, settings)
    await asyncio.to_thread(codec.ready)
    dedupe = Dedupe()
    rules = LiveRules(apps, access, codec, topics.control)
    tail = DecisionTail(access, codec, topics.decisions, dedupe.size)
    try:
        await asyncio.to_thread(rules.start)
        evaluator = DecideBatch(
            topics=topics,
            apps=apps,
            codec=codec,
            rules=rules,
            dedupe=dedupe,
            restore=tail.identities,
            clock=SystemClock(),
        )
        app = build_app(
            evaluator,
            access,
            name=group,
            topics=topics.decided(),
            incidents=topics.dead_letters,
            batch_size=settings.batch_size,
            state_dir=settings.state_dir,
            session_timeout=settings.session_timeout_seconds,
        )
        await app.start()
        log.info("agents run", group=group, topics=topics.decided())
        try:
            await app.wait(stopping.wait())
        finally:
            await app.stop()
        if app.crash_reason is not None:
            raise WorkerCrashed(f"the agents ended: {app.crash_reason}") from app.crash_reason
    finally:
        await asyncio.to_thread(rules.close)
        tail.close()


def _prepare(access: KafkaAccess, topics: Topics, group: str, settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    wait_for_broker(access)
    faults = [str(fault) for fault in check_topics(access, topics.specs()) if fault.fatal]
    if faults:
        raise ConfigurationError("; ".join(faults))
    session = round(settings.session_timeout_seconds * 1000)
    set_group_timeouts(access, group, session, session // HEARTBEATS_A_SESSION)
