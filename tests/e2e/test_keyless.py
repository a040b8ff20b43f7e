"""Without our unique fields: answers are lost, lists lag, a sink is killed, and each key is one object."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.cli.run import Role
from pipeline.sandbox.faults import Effect, Fault
from tests.e2e.control import BOOKS
from tests.e2e.events import Backlog
from tests.e2e.judge import all_promises_hold
from tests.e2e.machine import Machine

pytestmark = pytest.mark.slow

ACCOUNTS = 40
"""Times five events each."""
LATENCY = 0.02
LOST: tuple[Effect, ...] = ("lose_answer", "lose_request", "cut")
LAG = 0.5
"""Seconds that the lists of Zoho are behind its writes."""


@pytest.mark.parametrize("duplicates", [False, True], ids=["unique names", "duplicate names allowed"])
def test_without_the_unique_fields_lost_answers_and_kill_9_leave_one_object_a_key(
    machine: Machine, duplicates: bool
) -> None:
    twins = machine.twins
    twins.remove_fields()
    twins.change(list_lag_seconds=LAG, duplicate_contact_names=duplicates, loose_filters=True)
    books = machine.control.books(unique_field="preferred", quiet_seconds=1, lag_seconds=1)
    done = machine.apply(machine.control.write([machine.control.togai(), books], machine.control.links()))
    assert all(item.good for item in done.values()), done
    assert "cf_togai_invoice_id does not exist" in done[BOOKS].note
    assert "promises less than the field" in machine.pipeline("connections", "test", "--json").stdout
    twins.books.twin.latency = LATENCY
    for seed, effect in enumerate(LOST, start=1):
        for path in ("*/contacts", "*/invoices"):
            fault = Fault(effect=effect, method="POST", path=path, probability=0.1, seed=seed, times=None)
            twins.books.place(fault)
    _, sinks = machine.start(Role.AGENTS, Role.SINKS)
    backlog = Backlog(machine, ACCOUNTS)

    machine.send(backlog.events)
    machine.until(lambda: len(machine.record.results) >= backlog.commands // 3, "the sink is in the middle")
    sinks.kill()
    machine.until(lambda: len(machine.record.results) >= backlog.commands, "every command has a result")
    machine.stop()

    all_promises_hold(machine, backlog)
    assert sum(twins.books.faults.hits().values()) > ACCOUNTS // 4
    settled = Counter(result.settled for result in machine.record.results if result.app == "zohobooks")
    assert settled["lookup"] > 0, settled
    assert {entry.kind for entry in twins.books.ledger.entries}.isdisjoint({"contacts.upsert", "invoices.upsert"})
