"""The role `sinks`: builds a worker from the settings and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import KafkaException

from pipeline.apps.registry import load_apps
from pipeline.clock import SystemClock
from pipeline.control.secrets import load_secret_box
from pipeline.control.store import ControlTail
from pipeline.errors import ConfigurationError, Retry
from pipeline.failpoints import arm_from_environment
from pipeline.kafka.admin import set_group_timeouts
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, ProducerUnusable, RestoreStalled
from pipeline.schemas.codec import build_codec
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.shared import Shared
from pipeline.sinks.timing import Timing
from pipeline.sinks.worker import GROUP, Worker

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0


async def run(
    settings: Settings,
    access: KafkaAccess,
    *,
    on_ready: Callable[[Worker], None] | None = None,
    signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Until one of `signals` (main thread only), cancellation, `Worker.stop`, or what a person has to mend."""
    arm_from_environment()
    apps = load_apps()
    topics = Topics(settings.topic_prefix, settings.partitions, tuple(apps))
    codec = build_codec(settings, topics)
    codec.ready()
    timing = Timing(session=settings.session_timeout_seconds)
    set_group_timeouts(access, topics.prefix + GROUP, int(timing.session * 1000), int(timing.heartbeat * 1000))
    loop = asyncio.get_running_loop()
    with ControlTail(access, topics.control, codec) as control:
        control.follow()
        worker = Worker(
            access=access,
            topics=topics,
            shared=Shared(
                topics,
                codec,
                MappingTable(codec),
                random.random,
                parking=settings.parking_deadline_seconds,
                patience=settings.patience_seconds,
            ),
            apps=apps,
            control=control,
            box=load_secret_box(settings),
            clock=SystemClock(),
            loop=loop,
            timing=timing,
        )
        for name in signals:
            loop.add_signal_handler(name, worker.stop)
        if on_ready is not None:
            on_ready(worker)
        await _in_thread(lambda: _again_and_again(worker), worker.stop)


def _again_and_again(worker: Worker) -> None:
    """A lost broker or registry, a fenced producer or a defect ends a run, not the role: the next run restores."""
    while not worker.stopping.is_set():
        try:
            worker.run()
        except (ProducerUnusable, KafkaUnavailable, RestoreStalled, KafkaException, Retry) as error:
            log.warning("sink worker starts again", reason=str(error))
            worker.stopping.wait(PAUSE_SECONDS)
        except ConfigurationError:
            raise
        except Exception:
            log.exception("a defect ended the run; the sink worker starts again")
            worker.stopping.wait(PAUSE_SECONDS)


async def _in_thread(target: Callable[[], None], stop: Callable[[], None]) -> None:
    """A thread of its own, not the executor's: it lives as long as the worker does."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def body() -> None:
        try:
            target()
        except BaseException as error:
            loop.call_soon_threadsafe(ended.set_exception, error)
        else:
            loop.call_soon_threadsafe(ended.set_result, None)

    thread = threading.Thread(target=body, name="sink-kafka", daemon=True)
    thread.start()
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop()
        await ended
        raise
