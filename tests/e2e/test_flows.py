"""Both flows of the catalogue, end to end, by every way in; then everything once more as a replay."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from pipeline.cli.run import Role
from pipeline.control.secrets import load_secret_box
from pipeline.gateway.hooks import hook_path
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.settle import Watchman
from pipeline.sandbox.config import Hook
from pipeline.sandbox.scenario import Expected
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.records import Lane, Status, Verdict
from tests.e2e.conftest import running
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import Backlog, account_created, invoice_generated
from tests.e2e.machine import PATIENCE, Machine
from tests.e2e.record import counted

SEATS = 90
"""Bulk data of seeds that differ by this holds the same amounts."""


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all tests here: connected, all roles running."""
    with running(kafka, tmp_path_factory.mktemp("flows")) as made:
        made.connect()
        made.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
        made.until_ready()
        yield made


# --- the ways in --------------------------------------------------------------------------------------------------


def by_http(machine: Machine, seed: int) -> Expected:
    """A batch of CloudEvents to `POST /events`, as short as they may be."""
    made = machine.twins.bulk(2, 2, seed=seed)
    answer = httpx.post(
        f"{machine.gateway}/events",
        content=encode([_short(event) for event in _events(machine, made)]),
        headers={"content-type": "application/cloudevents-batch+json"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 202, answer.text
    return made


def by_send(machine: Machine, seed: int) -> Expected:
    """The same as lines to `pipeline send -`."""
    made = machine.twins.bulk(2, 2, seed=seed)
    lines = [encode(_short(event)).decode() for event in _events(machine, made)]
    done = machine.pipeline("send", "-", "--json", stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr
    return made


def by_hooks(machine: Machine, seed: int) -> Expected:
    """Togai's own unsigned webhooks, one address for each kind of event."""
    box = load_secret_box(machine.here.settings)
    for kind, shape in (("account.created", "payload"), ("invoice.generated", "bare")):
        hook = Hook(kind=kind, url=machine.gateway + hook_path("togai", TOGAI, kind, box), shape=shape)  # type: ignore[arg-type]
        machine.twins.hook(hook)
    made = machine.twins.bulk(2, 2, seed=seed)
    machine.until(lambda: machine.twins.hooks_delivered() == 4, "Togai delivered its webhooks")
    machine.twins.clear_hooks()
    return made


WAYS: dict[str, Callable[[Machine, int], Expected]] = {"http": by_http, "send": by_send, "hooks": by_hooks}


# --- the promises -------------------------------------------------------------------------------------------------


def test_events_over_http_by_send_and_by_webhooks_each_give_the_same_objects(machine: Machine) -> None:
    made = {name: way(machine, 1 + SEATS * number) for number, (name, way) in enumerate(WAYS.items())}
    for expected in made.values():
        _until_arrived(machine, expected)

    found = {name: [_objects(machine, expected, index) for index in range(2)] for name, expected in made.items()}

    assert found["http"] == found["send"] == found["hooks"]
    for expected in made.values():
        for invoice in expected.arriving:
            assert machine.twins.one("invoices", invoice.id)["total"] == invoice.total
    decided = Counter(decision.verdict for decision in machine.record.decisions)
    assert decided == {Verdict.MATCHED: 12, Verdict.FETCHING: 4}


def test_either_id_gives_the_other_and_the_setting_shows_in_togai(machine: Machine) -> None:
    made = machine.twins.bulk(1, 1, seed=500)
    machine.send(_events(machine, made))
    _until_arrived(machine, made)
    pairs = (
        ("ACCOUNT", "account", made.contacts[0], "contact", "ZohoBooksCustomerId"),
        ("INVOICE", "invoice", made.arriving[0].id, "invoice", "ZohoBooksInvoiceId"),
    )

    for entity, kind, ours, noun, setting in pairs:
        theirs = machine.twins.one(f"{noun}s", ours)[f"{noun}_id"]
        assert machine.twins.setting(entity, ours, setting) == theirs
        assert _counterparts(machine, ours) >= {("zohobooks", noun, theirs)}
        assert _counterparts(machine, theirs) >= {("togai", kind, ours)}


def test_an_account_that_is_changed_and_changed_back_ends_as_togai_has_it(machine: Machine) -> None:
    account = machine.twins.bulk(1, 0, seed=700).contacts[0]
    url = machine.gateway + hook_path("togai", TOGAI, "account.created", load_secret_box(machine.here.settings))

    for number, name in enumerate(("One", "Other", "One", "Other"), start=1):
        machine.twins.rename(account, name)
        assert httpx.post(url, json={"payload": {"id": account}}).status_code == 202
        _until_called(machine, account, name, decisions=number)


def test_a_replay_of_everything_makes_no_writing_call_and_has_one_result_a_command(machine: Machine) -> None:
    backlog = Backlog(machine, 4, seed=600)
    machine.send(backlog.events)
    watchman = Watchman(machine.here.access, machine.here.topics, machine.here.codec)
    watchman.settled(timeout=PATIENCE)
    objects, writes = machine.twins.objects(), machine.twins.writing_calls()

    done = machine.pipeline("replay", "--since", "2000-01-01", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    replayed = json.loads(done.stdout)
    machine.until(lambda: len(_replayed(machine, replayed["replay"])) == replayed["sent"], "the replay is decided")
    watchman.settled(timeout=PATIENCE)
    while machine.record.poll(0.5):
        pass

    assert machine.twins.writing_calls() == writes
    assert machine.twins.objects() == objects
    commands = [each for each in machine.record.commands if each.run.replay == replayed["replay"]]
    results = [each for each in machine.record.results if each.replay == replayed["replay"]]
    assert {each.lane for each in commands} == {Lane.REPLAY}
    assert not counted(each.command for each in results)
    assert {each.command for each in results} == {each.id for each in commands}
    assert {each.status for each in results} == {Status.UNCHANGED}


# --- reading off --------------------------------------------------------------------------------------------------


def _events(machine: Machine, made: Expected) -> list[Json]:
    accounts = [account_created(machine.twins.account(id_)) for id_ in made.contacts]
    return [*accounts, *(invoice_generated(machine.twins.invoice(invoice.id)) for invoice in made.arriving)]


def _short(event: Json) -> Json:
    """What has to be there: the rest is filled in."""
    return {name: event[name] for name in ("specversion", "id", "source", "type", "data")}


def _until_arrived(machine: Machine, made: Expected) -> None:
    subjects = {*made.contacts, *(invoice.id for invoice in made.arriving)}

    def arrived() -> bool:
        return subjects <= {each.subject for each in machine.record.results if each.step == "setting"}

    machine.until(arrived, "each account and invoice has its setting")


def _objects(machine: Machine, made: Expected, index: int) -> Any:
    """Contact and invoice of an account, without what differs by account: ids, numbers, times."""
    account, invoice = made.contacts[index], made.arriving[index]
    contact, booked = machine.twins.one("contacts", account), machine.twins.one("invoices", invoice.id)
    assert booked["customer_id"] == contact["contact_id"]
    lines = [{name: line[name] for name in ("name", "rate", "quantity", "item_total")} for line in booked["line_items"]]
    text = encode(
        {
            "contact": {name: contact[name] for name in _CONTACT},
            "invoice": {name: booked[name] for name in _INVOICE},
            "lines": lines,
        }
    ).decode()
    return json.loads(text.replace(account, "ACCOUNT"))


_CONTACT = ("contact_name", "contact_type", "currency_code", "payment_terms", "billing_address", "status")
_INVOICE = ("status", "currency_code", "total", "adjustment", "date", "due_date")


def _counterparts(machine: Machine, id_: str) -> set[tuple[str, str, str]]:
    """By the command that an operator types."""
    done = machine.pipeline("mapping", "get", id_, "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(
        row["scope"] == "+".join(sorted((TOGAI, BOOKS))) for row in rows if row["other"]["app"] != row["this"]["app"]
    )
    return {(row["other"]["app"], row["other"]["type"], row["other"]["id"]) for row in rows}


def _until_called(machine: Machine, account: str, name: str, *, decisions: int) -> None:
    machine.until(lambda: _decided(machine, account) == decisions, "the fetched account is decided")
    machine.until(lambda: machine.twins.name(account) == name, f"it is called {name}")


def _decided(machine: Machine, account: str) -> int:
    """Decisions about an account but those that only fetch it."""
    decisions = machine.record.decisions
    return sum(each.subject == account and each.verdict is not Verdict.FETCHING for each in decisions)


def _replayed(machine: Machine, replay: str) -> list[Any]:
    return [decision for decision in machine.record.decisions if decision.replay == replay]
