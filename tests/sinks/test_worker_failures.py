"""Workers that are killed, stopped and paused in the middle: the twin's ledger and the committed results tell."""

from __future__ import annotations

from pathlib import Path

from pipeline.kafka.clients import KafkaAccess
from tests.sinks.harness import Bench, SinkProcess, backlog, bench, keyed_to

LATENCY = 0.05
"""Seconds a call takes, so that calls are under way at any moment."""
SLOW = 1.0
IN_FLIGHT = 8
LEARNT = ("partitions lost", "sink worker starts again")
"""What a worker says that slept for too long: by its group, or by its transaction."""


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


def test_sigterm_hands_over_without_leaving_a_command_in_doubt(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=20, versions=10))
        first = sinks.start()
        sinks.until_results(60)
        assert first.leave() == 0
        sinks.start()
        sinks.until_results(200)
        sinks.end()
        sinks.ended_once()
        assert sinks.settled() == {"answer": 200}
        assert sinks.calls() == 200


def test_a_worker_paused_past_its_session_starts_no_call_and_publishes_nothing_when_it_wakes(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    """Paused while every call that may be under way is: none is between its last look at the lease and the wire."""
    with bench(kafka, topic_prefix, tmp_path, session=3, latency=SLOW) as sinks:
        sinks.connect(in_flight=IN_FLIGHT)
        sinks.send(backlog(parties=20, versions=10))
        zombie = sinks.start()
        sinks.until_results(20)
        sinks.until(lambda: sinks.under_way() == IN_FLIGHT, "as many calls as may be are under way")
        zombie.pause()
        sinks.twins.books.twin.latency = LATENCY
        does_nothing_when_it_wakes(sinks, zombie)


def test_a_call_that_was_about_to_leave_when_its_worker_fell_asleep_does_not_leave_when_it_wakes(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, session=3, latency=LATENCY) as sinks:
        sinks.connect()
        sinks.send(backlog(parties=20, versions=10))
        zombie = sinks.start(fail_points="sinks.call.sending=stop@40")
        sinks.until(lambda: zombie.asleep, "it sleeps right before a request")
        does_nothing_when_it_wakes(sinks, zombie)


def does_nothing_when_it_wakes(sinks: Bench, zombie: SinkProcess) -> None:
    """After a successor has done all its work."""
    sinks.start()
    sinks.until_results(200)
    calls = sinks.calls()
    zombie.resume()
    sinks.until(lambda: any(map(zombie.said, LEARNT)), "it learns that it has lost its partitions")
    sinks.end()
    assert sinks.calls() == calls
    sinks.ended_once()


def test_two_workers_share_and_one_leaves_and_nothing_is_done_twice(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    with bench(kafka, topic_prefix, tmp_path, partitions=2, latency=LATENCY) as sinks:
        connections = [keyed_to(partition, 2) for partition in range(2)]
        for connection in connections:
            sinks.connect(connection)
        first, second = sinks.start(), sinks.start()
        sinks.until(lambda: bool(first.holds()) and bool(second.holds()), "each has a partition")
        for connection in connections:
            sinks.send(backlog(parties=10, versions=10, connection=connection))
        sinks.until_results(60)
        assert first.leave() == 0
        sinks.until_results(200)
        sinks.end()
        sinks.ended_once()
        assert sinks.settled() == {"answer": 200}
        assert sinks.calls() == 200
