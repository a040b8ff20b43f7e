"""A connection is paused in the middle of its work: its commands wait, others flow, and a resume ends each once."""

from __future__ import annotations

import json

import pytest

from pipeline.cli.run import Role
from tests.e2e.control import BOOKS
from tests.e2e.events import Backlog, account_created
from tests.e2e.machine import Machine
from tests.e2e.record import counted

pytestmark = pytest.mark.slow

OTHER = {"togai": "togai-beside", "books": "books-beside"}
ACCOUNTS = 20
SLOW = 1.0
"""Seconds a call takes until the pause is there: a command line needs a second or two."""


class Beside:
    """A pair of connections that nobody pauses: what it ends has seen all that was written to `control` before."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        control = machine.control
        connections = [control.togai(), control.books(secrets={}), control.togai(OTHER["togai"])]
        connections.append(control.books(OTHER["books"]))
        links = [*control.links(), *control.links("accounts", **OTHER)]
        done = machine.apply(control.write(connections, links))
        assert all(item.good for item in done.values()), done

    def flows(self, seed: int) -> None:
        """One account through both of its commands."""
        (account,) = self._machine.twins.bulk(1, 0, seed=seed).contacts
        event = account_created(self._machine.twins.account(account))
        self._machine.send([event | {"connection": OTHER["togai"], "source": f"togai/{OTHER['togai']}"}])
        self._machine.until(lambda: len(self._machine.record.results_of(event["id"])) == 2, "others flow")


def test_a_pause_in_the_middle_holds_its_connection_alone_and_a_resume_ends_everything_once(machine: Machine) -> None:
    machine.connect()
    machine.twins.books.twin.latency = SLOW
    _, sinks = machine.start(Role.AGENTS, Role.SINKS)
    backlog = Backlog(machine, ACCOUNTS)
    machine.send(backlog.events)
    machine.until(lambda: len(machine.record.results) >= ACCOUNTS, "the sink is in the middle")

    assert paused(machine, "pause") == {"id": BOOKS, "paused": True, "changed": True, "stopped": ""}
    machine.twins.books.twin.latency = 0.0
    beside = Beside(machine)
    assert machine.here.control().connection(BOOKS).paused, "an apply leaves it paused"
    beside.flows(seed=100)
    booked, names = machine.twins.booked(), named(machine, backlog)
    assert len(booked) < 2 * ACCOUNTS, "it was paused in the middle"
    sinks.kill()
    beside.flows(seed=200)
    assert (machine.twins.booked(), named(machine, backlog)) == (booked, names), "no call, nor by a successor"

    assert paused(machine, "resume")["changed"]
    machine.until(lambda: len(machine.record.results) >= backlog.commands + 4, "every command has a result")
    machine.stop()

    assert not counted(result.command for result in machine.record.results)
    assert not machine.record.dead_letters
    assert machine.twins.books.twin.counts()["duplicates"] == 0
    assert named(machine, backlog) == {account: backlog.versions(account) for account in backlog.accounts}
    booked = machine.twins.booked()
    assert [[id_ for id_ in booked if id_ in ids] for ids in backlog.invoices.values()] == [*backlog.invoices.values()]


def named(machine: Machine, backlog: Backlog) -> dict[str, list[str]]:
    """The names that each contact of the backlog was given, in order."""
    versions = machine.twins.versions()
    return {account: versions.get(account, []) for account in backlog.accounts}


def paused(machine: Machine, verb: str) -> dict[str, object]:
    done = machine.pipeline("connections", verb, BOOKS, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
