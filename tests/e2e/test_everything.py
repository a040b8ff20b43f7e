"""Going through everything on demand, a worker killed on the way: both apps agree, and once more changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.cli.run import Role
from pipeline.operations.settle import Watchman
from pipeline.schemas.records import Lane
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.machine import PATIENCE, Machine

pytestmark = pytest.mark.slow

OBJECTS = 24
"""Accounts, and invoices of theirs: four pages of invoices."""
LATENCY = 0.02
"""Seconds a call of Togai takes, so that the worker is killed in the middle of a page."""
FLOW = """
id: everything
name: Everything
type: outbound
trigger: {app: togai, event: on_demand}
actions:
  - {id: accounts, app: togai, action: sync_accounts, input: {ids: "${trigger.data.ids?}"}}
  - {id: invoices, app: togai, action: sync_invoices}
"""


def connected(machine: Machine) -> None:
    """Both flows of the catalogue, and the one that goes through everything."""
    control = machine.control
    file = control.write([control.togai(), control.books()], control.links())
    asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    (file.parent / "everything.yaml").write_text(FLOW, encoding="utf-8")
    asked["flows"].append("everything.yaml")
    asked["links"].append({"id": "everything", "flow": "everything", "connections": {"togai": TOGAI}})
    Path(file).write_text(yaml.safe_dump(asked), encoding="utf-8")
    done = machine.apply(file)
    assert all(item.good for item in done.values()), done


def ask(machine: Machine, id_: str) -> None:
    event = {"specversion": "1.0", "id": id_, "source": f"togai/{TOGAI}", "type": "togai.on_demand", "subject": id_}
    machine.send([{**event, "connection": TOGAI, "party": "on_demand", "data": {}}])


def test_everything_is_given_through_a_workers_death_and_given_again_it_changes_nothing(machine: Machine) -> None:
    made = machine.twins.bulk(OBJECTS, OBJECTS, seed=1)
    connected(machine)
    machine.twins.togai.twin.latency = LATENCY
    _, sinks = machine.start(Role.AGENTS, Role.SINKS)
    given = len(made.contacts) + len(made.arriving)

    ask(machine, "first")
    machine.until(lambda: len(machine.record.decisions) > len(made.contacts) + 5, "invoices are on their way")
    sinks.kill()
    machine.start(Role.SINKS)
    watchman = Watchman(machine.here.access, machine.here.topics, machine.here.codec)
    machine.until(lambda: len(machine.twins.keyed("invoices")) == len(made.arriving), "all invoices are booked")
    watchman.settled(timeout=PATIENCE)

    assert set(machine.twins.keyed("contacts")) == set(made.contacts)
    assert {id_: len(found) for id_, found in machine.twins.keyed("invoices").items()} == {
        invoice.id: 1 for invoice in made.arriving
    }
    writes, objects = machine.twins.writing_calls(), machine.twins.objects()
    decided = len(machine.record.decisions)

    ask(machine, "second")
    machine.until(lambda: len(machine.record.decisions) >= decided + 1 + given, "all of it is decided again")
    watchman.settled(timeout=PATIENCE)
    while machine.record.poll(0.5):
        pass
    assert machine.twins.writing_calls() == writes
    assert machine.twins.objects() == objects
    ends = [each for each in machine.record.results if each.action == "sync_invoices"]
    assert [each.output["given"] for each in ends] == [len(made.arriving)] * 2
    lanes = {each.lane for each in machine.record.commands if each.connection == BOOKS}
    assert lanes == {Lane.RECONCILE}
