"""The promises, told from the twins' ledgers and from the committed records, after every role has ended."""

from __future__ import annotations

from pipeline.schemas.records import Status, Verdict
from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.e2e.record import counted


def every_event_ended_once(machine: Machine, backlog: Backlog) -> None:
    """Exactly one decision an event, exactly one result a command, and none of either that nobody asked for."""
    record = machine.record
    assert sorted(decision.event_id for decision in record.decisions) == sorted(backlog.ids), record.summary()
    assert {decision.verdict for decision in record.decisions} == {Verdict.MATCHED}
    assert not counted(command.id for command in record.commands)
    assert not counted(result.command for result in record.results)
    assert {result.command for result in record.results} == {command.id for command in record.commands}
    assert len(record.results) == backlog.commands, record.summary()
    assert {result.status for result in record.results} <= {Status.SUCCEEDED, Status.UNCHANGED}, record.summary()
    assert not record.dead_letters


def one_object_a_key(machine: Machine, backlog: Backlog) -> None:
    """One contact an account and one invoice an invoice in Zoho, each created once; one setting for each in Togai."""
    twins = machine.twins
    assert {key: len(found) for key, found in twins.keyed("contacts").items()} == dict.fromkeys(backlog.accounts, 1)
    invoices = [id_ for ids in backlog.invoices.values() for id_ in ids]
    assert {key: len(found) for key, found in twins.keyed("invoices").items()} == dict.fromkeys(invoices, 1)
    assert twins.books.twin.counts()["duplicates"] == 0
    created = twins.books.twin.counts()["effects"]
    assert created["contacts"]["created"] == len(backlog.accounts)
    assert created["invoices"]["created"] == len(invoices)
    assert created["invoices"]["sent"] == len(invoices)
    settings = twins.togai.twin.counts()["effects"]["settings"]
    assert settings == {**settings, "created": len(backlog.accounts) + len(invoices)}


def order_held(machine: Machine, backlog: Backlog) -> None:
    """Per account, the versions were applied and the invoices were booked in the order of the source."""
    assert machine.twins.versions() == {account: backlog.versions(account) for account in backlog.accounts}
    booked = machine.twins.booked()
    for invoices in backlog.invoices.values():
        assert [id_ for id_ in booked if id_ in invoices] == invoices


def all_promises_hold(machine: Machine, backlog: Backlog) -> None:
    every_event_ended_once(machine, backlog)
    one_object_a_key(machine, backlog)
    order_held(machine, backlog)
