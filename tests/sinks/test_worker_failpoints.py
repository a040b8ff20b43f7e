"""Killed at each point of the effect path, once: every command still ends once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.failpoints import POINTS
from pipeline.kafka.clients import KafkaAccess
from tests.sinks.harness import backlog, bench

SINK_POINTS = sorted(point for point in POINTS if point.startswith("sinks."))
AT_ONCE = 7
"""Workers started at a time."""
DEADLY = {"sinks.partition.restored": 1, "sinks.partition.drained": 1, "sinks.command.taken": 10}
"""Which time it kills; of the others the fourth, so that work is done and more is under way."""


@pytest.fixture(scope="module")
def killed(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """Many at once, each on topics of its own: most of their time is waiting for a session to end."""
    directory = tmp_path_factory.mktemp("killed")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {point: threads.submit(_kill_at, point, kafka, directory) for point in SINK_POINTS}


def _kill_at(point: str, kafka: KafkaAccess, directory: Path) -> None:
    own = directory / point
    own.mkdir()
    with bench(kafka, f"{point}-{uuid.uuid4().hex[:8]}.", own, latency=0.02) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=10, versions=4))
        doomed = sinks.start(fail_points=f"{point}=kill@{DEADLY.get(point, 4)}")
        if point == "sinks.partition.drained":
            sinks.until_results(15)
            doomed.ask_to_leave()
        sinks.until(lambda: not doomed.alive, f"it dies at {point}")
        assert doomed.exit_code == -9
        sinks.start()
        sinks.until_results(40)
        sinks.end()
        sinks.ended_once()


@pytest.mark.parametrize("point", SINK_POINTS)
def test_killed_there_once_everything_still_ends_once(point: str, killed: dict[str, Future[None]]) -> None:
    killed[point].result()
