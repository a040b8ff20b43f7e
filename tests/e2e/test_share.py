"""Several workers of a role: they share the work, and one that leaves hands its part over."""

from __future__ import annotations

import pytest

from pipeline.cli.run import Role
from pipeline.schemas.records import Command, Decision
from tests.e2e.control import PARTITIONS
from tests.e2e.events import Backlog
from tests.e2e.groups import shares
from tests.e2e.judge import all_promises_hold
from tests.e2e.machine import Machine

pytestmark = pytest.mark.slow

ACCOUNTS = 60
"""Times five events each."""


def test_two_agents_and_two_sinks_share_the_work_and_survive_one_leaving_each(machine: Machine) -> None:
    machine.connect()
    machine.twins.books.twin.latency = 0.02
    agent, _, sink, _ = machine.start(Role.AGENTS, Role.AGENTS, Role.SINKS, Role.SINKS)
    agents = _halves(machine, "agents")
    sinks = _halves(machine, "sinks")
    backlog = Backlog(machine, ACCOUNTS)

    machine.send(backlog.events)
    machine.until(lambda: len(machine.record.results) >= backlog.commands // 3, "all is in the middle")
    decided, commanded = machine.record.partitions[Decision].keys(), machine.record.partitions[Command].keys()
    assert all(decided & share for share in agents), "one agent had nothing to do"
    assert all(commanded & share for share in sinks), "one sink had nothing to do"
    agent.leave()
    sink.leave()
    machine.until(lambda: len(machine.record.results) >= backlog.commands, "every command has a result")
    machine.stop()

    all_promises_hold(machine, backlog)


def _halves(machine: Machine, group: str) -> list[frozenset[int]]:
    """Both workers' partitions, once each has half of them and every number is one worker's alone."""
    held: list[frozenset[int]] = []

    def shared() -> bool:
        held[:] = shares(machine.here.access, f"{machine.here.topics.prefix}{group}")
        return sorted(map(len, held)) == [PARTITIONS // 2] * 2 and len(held[0] | held[1]) == PARTITIONS

    machine.until(shared, f"two {group} share the partitions")
    return held
