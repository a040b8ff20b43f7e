"""Workers that are killed, stopped and paused in the middle: the twin's ledger and the committed results tell."""

from __future__ import annotations

from pathlib import Path

from pipeline.kafka.clients import KafkaAccess
from tests.sinks.harness import backlog, bench

LATENCY = 0.05
"""Seconds a call takes, so that calls are under way at any moment."""


def test_kill_9_in_the_middle_of_200_commands_loses_and_doubles_nothing(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=20, versions=10))
        first = sinks.start()
        sinks.until_results(60)
        first.kill()
        sinks.start()
        sinks.until_results(200)
        sinks.end()
        sinks.ended_once()
        assert "repeat" in sinks.settled(), "nothing was under way when it was killed"
