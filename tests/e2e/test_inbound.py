"""What people do in Zoho Books comes in by signed webhooks and by polls, once; what we write comes back and stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.run import Role
from pipeline.control.secrets import load_secret_box
from pipeline.gateway.hooks import hook_path, signed_path
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.settle import Watchman
from pipeline.sandbox.config import Hook, ZohoHook
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.zohobooks.hooks import HookFaults
from pipeline.schemas.records import Status, Verdict
from tests.e2e.conftest import running
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.machine import PATIENCE, Machine
from tests.e2e.record import counted
from tests.e2e.twins import ACCOUNT_FIELD

SECRET = "webhookSecret1234"
ALL, LOST, TWICE = HookFaults(), HookFaults(drop=1.0), HookFaults(duplicate=1.0)
UPSERT, CREATE, UPDATE, RECORD = "upsert_contact", "create_customer", "update_account", "record_payment"
FLOWS = {
    "new-accounts": ("togai", "account.created", "zohobooks", UPSERT),
    "renamed-accounts": ("togai", "account.updated", "zohobooks", UPSERT),
    "new-contacts": ("zohobooks", "contact.created", "togai", CREATE),
    "renamed-contacts": ("zohobooks", "contact.updated", "togai", UPDATE),
    "payments": ("zohobooks", "payment.recorded", "togai", RECORD),
}
"""Both directions, on at once."""


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all tests here: both directions on, both apps call our webhooks and are polled every second or two."""
    directory = tmp_path_factory.mktemp("inbound")
    with running(kafka, directory) as made:
        secrets = {"self_client_code": made.twins.code(), "webhook_secret": f"anotherSecret99,{SECRET}"}
        books = made.control.books(secrets=secrets, poll_seconds=1)
        togai = made.control.togai()
        togai = {**togai, "settings": {**togai["settings"], "poll_seconds": 2}}
        for file in (made.control.write([togai, books]), _links(directory)):
            done = made.apply(file)
            assert all(item.good for item in done.values()), done
        made.twins.hook_books(
            ZohoHook(kind="*", url=made.gateway + signed_path("zohobooks", BOOKS, "{kind}"), secret=SECRET)
        )
        made.twins.hook(Hook(kind="account.created", url=_address(made, "account.created")))
        made.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
        made.until_ready()
        yield made


def test_a_payment_comes_in_once_by_webhook_by_poll_by_both_and_over_the_death_of_the_owner(machine: Machine) -> None:
    account = machine.twins.bulk(1, 0, seed=1).contacts[0]
    contact = _contact(machine, account)

    told = _pays(machine, contact, 10)
    _until(machine, told, Verdict.FETCHING, Verdict.MATCHED, Verdict.DUPLICATE)
    machine.twins.fault_books_hooks(TWICE)
    twice = _pays(machine, contact, 11)
    _until(machine, twice, Verdict.FETCHING, Verdict.MATCHED, Verdict.DUPLICATE, Verdict.DUPLICATE)
    machine.twins.fault_books_hooks(LOST)
    lost = _pays(machine, contact, 12)
    _until(machine, lost, Verdict.MATCHED)
    machine.roles[-1].kill()
    while_dead = [_pays(machine, contact, amount) for amount in range(13, 19)]
    for payment in while_dead:
        _until(machine, payment, Verdict.MATCHED)
    machine.twins.fault_books_hooks(ALL)
    _settle(machine)

    paid = [told, twice, lost, *while_dead]
    for payment in paid:
        verdicts = Counter(_verdicts(machine, payment))
        assert verdicts[Verdict.MATCHED] == 1
        assert verdicts[Verdict.FETCHING] == (payment in (told, twice))
        assert {*verdicts} <= {Verdict.MATCHED, Verdict.FETCHING, Verdict.DUPLICATE}
    assert machine.twins.togai_payments(account) == dict.fromkeys(paid, 1)
    assert not counted(result.command for result in machine.record.results)
    assert machine.twins.hooks_refused() == 0


def test_both_directions_on_at_once_settle_and_stop(machine: Machine) -> None:
    """The answers of both creating calls are lost, so that the webhooks are here before we know what we made."""
    writes = machine.twins.writing_calls()
    for served, method, path in (
        (machine.twins.books, "PUT", "*/contacts"),
        (machine.twins.togai, "POST", "*/customers"),
    ):
        served.place(Fault(effect="lose_answer", method=method, path=path))

    account = machine.twins.bulk(1, 0, seed=500).contacts[0]
    ours = _contact(machine, account)
    _until(machine, ours, Verdict.ECHO)
    assert Verdict.MATCHED not in _verdicts(machine, ours)
    person = {"first_name": "Hanna", "email": "hanna@example.com", "is_primary_contact": True}
    body = {"contact_name": "By hand", "contact_type": "customer", "contact_persons": [person]}
    theirs = str(machine.twins.by_hand("POST", "contacts", body)["contact"]["contact_id"])
    _until(machine, theirs, Verdict.MATCHED)
    machine.until(
        lambda: Verdict.ECHO in _verdicts(machine, theirs, "togai"), "Togai tells of the account that we made"
    )
    _settle(machine)
    assert machine.twins.writing_calls() - writes == 3, "a contact, asked for twice, and a customer with its account"

    key = [{"api_name": ACCOUNT_FIELD, "value": account}]
    machine.twins.by_hand("PUT", f"contacts/{ours}", {"contact_name": "Renamed in Zoho", "custom_fields": key})
    machine.until(lambda: machine.twins.account(account)["name"] == "Renamed in Zoho", "the account has the new name")
    _until(machine, account, Verdict.ECHO)
    machine.twins.rename(theirs, "Renamed in Togai")
    machine.until(lambda: _name(machine, theirs) == "Renamed in Togai", "the contact has the new name")
    _until(machine, theirs, Verdict.ECHO, Verdict.ECHO)
    _settle(machine)

    assert machine.twins.writing_calls() - writes == 6, "one account, one contact, and the person's own rename"
    _sweeps(machine, 3)
    _settle(machine)
    assert machine.twins.writing_calls() - writes == 6
    assert machine.twins.books.twin.counts()["duplicates"] == 0
    assert {result.status for result in machine.record.results} <= {Status.SUCCEEDED, Status.UNCHANGED}
    assert not machine.record.dead_letters


# --- what is set up -----------------------------------------------------------------------------------------------


def _links(directory: Path) -> Path:
    """A flow and a link for each of `FLOWS`."""
    for name, (app, event, other, action) in FLOWS.items():
        noun = event.partition(".")[0]
        given = {
            "payment" if action == RECORD else "party": "${document}",
            "source": {"app": app, "type": noun, "id": "${document.id}"},
        }
        flow = {
            "id": name,
            "name": name,
            "type": "outbound" if app == "togai" else "inbound",
            "trigger": {"app": app, "event": event},
            "actions": [{"id": "one", "app": other, "action": action, "input": given}],
        }
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(flow), encoding="utf-8")
    connections = {"togai": TOGAI, "zohobooks": BOOKS}
    links = [{"id": name, "flow": name, "connections": connections} for name in FLOWS]
    file = directory / "links.yaml"
    asked = {"flows": [f"{name}.yaml" for name in FLOWS], "links": links}
    file.write_text(yaml.safe_dump(asked), encoding="utf-8")
    return file


def _address(machine: Machine, kind: str) -> str:
    return machine.gateway + hook_path("togai", TOGAI, kind, load_secret_box(machine.here.settings))


# --- what people do -----------------------------------------------------------------------------------------------


def _contact(machine: Machine, account: str) -> str:
    """Zoho's id of the contact that the account gets."""
    machine.until(lambda: account in machine.twins.keyed("contacts"), f"account {account} has a contact")
    return str(machine.twins.one("contacts", account)["contact_id"])


def _pays(machine: Machine, contact: str, amount: int) -> str:
    """A person records a payment on account; gives Zoho's id of it."""
    body = {"customer_id": contact, "payment_mode": "cash", "amount": amount, "date": "2026-01-05", "invoices": []}
    return str(machine.twins.by_hand("POST", "customerpayments", body)["payment"]["payment_id"])


# --- reading off --------------------------------------------------------------------------------------------------


def _verdicts(machine: Machine, subject: str, app: str = "") -> list[Verdict]:
    decisions = machine.record.decisions
    return [each.verdict for each in decisions if each.subject == subject and each.event_type.startswith(app)]


def _until(machine: Machine, subject: str, *wanted: Verdict) -> None:
    def there() -> bool:
        return not Counter(wanted) - Counter(_verdicts(machine, subject))

    machine.until(there, f"{subject} is decided as {[each.value for each in wanted]}")


def _settle(machine: Machine) -> None:
    Watchman(machine.here.access, machine.here.topics, machine.here.codec).settled(timeout=PATIENCE)
    while machine.record.poll(0.5):
        pass


def _sweeps(machine: Machine, number: int) -> None:
    """So many more polls of contacts begin."""

    def lists() -> int:
        return sum(entry.kind == "contacts.list" for entry in machine.twins.books.ledger.entries)

    before = lists()
    machine.until(lambda: lists() >= before + number, f"{number} polls")


def _name(machine: Machine, contact: str) -> str:
    found: Mapping[str, Any] = machine.twins.by_hand("GET", f"contacts/{contact}")["contact"]
    return str(found["contact_name"])
