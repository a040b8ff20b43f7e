"""kill -9 in the middle of 500 events: nothing is lost, nothing is there twice, and order holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.run import Role
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from tests.e2e.conftest import running
from tests.e2e.events import Backlog
from tests.e2e.judge import all_promises_hold
from tests.e2e.machine import Machine

pytestmark = pytest.mark.slow

ACCOUNTS = 100
"""Times five events each."""
LATENCY = 0.02
"""Seconds a call of Zoho Books takes, so that calls are under way at any moment."""


def test_kill_9_of_an_agent_in_the_middle_of_500_events_loses_and_doubles_nothing(machine: Machine) -> None:
    machine.connect()
    agents, _ = machine.start(Role.AGENTS, Role.SINKS)
    backlog = Backlog(machine, ACCOUNTS)

    machine.send(backlog.events[:250])
    machine.until(lambda: len(machine.record.decisions) >= 50, "the agents are at work")
    agents.kill()
    machine.send(backlog.events[250:])
    _end(machine, backlog)


def test_kill_9_of_a_sink_in_the_middle_of_500_events_loses_and_doubles_nothing(machine: Machine) -> None:
    machine.connect()
    machine.twins.books.twin.latency = LATENCY
    _, sinks = machine.start(Role.AGENTS, Role.SINKS)
    backlog = Backlog(machine, ACCOUNTS)

    machine.send(backlog.events)
    machine.until(lambda: len(machine.record.results) >= backlog.commands // 3, "the sink is in the middle")
    sinks.kill()
    _end(machine, backlog)


def test_kill_9_of_the_broker_in_the_middle_of_500_events_loses_and_doubles_nothing(
    jars: JarSource, tmp_path: Path
) -> None:
    """Transactions outlive the broker's absence: Kafka 4.3.1 may leave one open that runs out meanwhile."""
    lasting = {"KAFKA_TRANSACTION_TIMEOUT_MS": "60000"}
    with (
        EmbeddedKafka(tmp_path / "broker", jars=jars) as broker,
        running(KafkaAccess(broker.bootstrap_servers), tmp_path, environment=lasting) as machine,
    ):
        machine.connect()
        machine.twins.books.twin.latency = LATENCY
        machine.start(Role.AGENTS, Role.SINKS)
        backlog = Backlog(machine, ACCOUNTS)

        machine.send(backlog.events)
        machine.until(lambda: len(machine.record.results) >= backlog.commands // 3, "all is in the middle")
        address = broker.bootstrap_servers
        broker.kill()
        assert broker.start() == address
        _end(machine, backlog)


def _end(machine: Machine, backlog: Backlog) -> None:
    machine.until(lambda: len(machine.record.results) >= backlog.commands, "every command has a result")
    machine.stop()
    all_promises_hold(machine, backlog)
