"""The log beside the whole machine: roles as processes on a real Kafka, the twins behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest

from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.views.answers import RunDetail, RunStatus
from pipeline.schemas.records import Status
from tests.e2e.conftest import running
from tests.e2e.events import account_created, invoice_generated
from tests.e2e.machine import Machine
from tests.operations.conftest import House
from tests.operations.views.conftest import Log, open_log

ACCOUNTS, INVOICES = 3, 6


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running(kafka, tmp_path_factory.mktemp("log")) as made:
        yield made


@pytest.fixture(scope="module")
def log(machine: Machine) -> Iterator[Log]:
    """Of the machine, as its command line opens it."""
    here = machine.here
    made = open_log(House(here.access, here.topics, here.codec), here.settings)
    yield made
    made.projector.close()
    made.database.close()


def told(log: Log, **wanted: RunStatus) -> dict[str, RunDetail]:
    """By event id; of each there is one run."""
    details = log.all(**wanted)
    found = {detail.run.event_id: detail for detail in details}
    assert len(found) == len(details)
    return found


def test_every_run_is_in_the_log_with_its_steps_from_event_to_end(machine: Machine, log: Log) -> None:
    """Accounts and their invoices, one that is refused, one that does not match, and one that waits for its account."""
    control = machine.control
    accounts, invoices = control.links()
    options = {"customer_missing": "park", "write_setting": False}
    done = machine.apply(
        control.write([control.togai(), control.books()], [accounts, {**invoices, "options": options}])
    )
    assert all(item.good for item in done.values()), done
    machine.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
    made = machine.twins.bulk(ACCOUNTS, INVOICES, seed=1)
    first, *others = [account_created(machine.twins.account(id_)) for id_ in made.contacts]
    generated = [invoice_generated(machine.twins.invoice(invoice.id)) for invoice in made.arriving]
    strange = account_created(first["data"] | {"id": "zloty", "name": "Zloty", "invoiceCurrency": "PLN"})
    nothing = invoice_generated(generated[0]["data"] | {"id": "zero", "totalAmount": 0})
    machine.send([*others, *generated, strange, nothing])

    held = [event for event in generated if event["party"] == first["party"]]
    good = [event["id"] for event in (*others, *generated) if event not in held]
    machine.until(lambda: all(finished(machine, id_) for id_ in good), "what can be booked is booked")
    machine.until(lambda: any(r.status is Status.REFUSED for r in machine.record.results), "one is refused")

    found = told(log)
    assert {found[id_].run.status for id_ in good} == {RunStatus.SUCCESS}
    refused = found[strange["id"]]
    assert refused.run.status is RunStatus.FAILED
    assert refused.steps[-1].cause is not None
    assert refused.steps[-1].cause.kind == "currency"
    skipped = found[nothing["id"]].run
    assert (skipped.status, skipped.clause) == (RunStatus.SKIPPED, "data.totalAmount > 0")
    assert held, "no invoice waits for its account"
    (parked,) = told(log, status=RunStatus.WAITING).values()
    assert parked.run.event_id == held[0]["id"], "the others are queued behind it"
    assert parked.steps[-1].waits_for.endswith(f"account/{first['party']}")
    assert {found[event["id"]].run.status for event in held[1:]} <= {RunStatus.PENDING}

    machine.send([first])
    machine.until(lambda: all(finished(machine, event["id"]) for event in held), "the account has come")
    found = told(log)
    assert {found[event["id"]].run.status for event in held} == {RunStatus.SUCCESS}
    assert len(found) == ACCOUNTS + INVOICES + 2


def test_steps_have_what_results_say_and_no_secret_is_in_the_log(machine: Machine, log: Log) -> None:
    """Of the runs of the test before."""
    machine.stop()
    results = {result.command: result for result in machine.record.results}

    steps = {step.command: step for detail in told(log).values() for step in detail.steps}
    assert steps.keys() == results.keys()
    for command, result in results.items():
        step = steps[command]
        refused = result.status is Status.REFUSED
        assert step.detail == ("aside" if refused else result.status)
        assert (step.attempts, step.calls) == (result.attempts, result.calls)
        assert step.output == msgspec.to_builtins(result.output)
        assert step.input, "what went in"
        assert step.started is not None
    secrets = [machine.twins.config.togai.tokens[0], machine.twins.config.zohobooks.clients[0].secret]
    files = list(machine.here.settings.state_dir.glob("views.sqlite*"))
    assert files
    assert not [name for file in files for name in secrets if name.encode() in file.read_bytes()]


def test_built_anew_by_the_command_line_the_log_is_the_same(machine: Machine, log: Log) -> None:
    before = log.dump()

    done = machine.pipeline("runs", "rebuild", "--yes", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"] == len(told(log))
    assert log.dump() == before


def kinds(event: str) -> list[str]:
    return ["accounts"] if event.startswith("created") else ["invoices"]


def finished(machine: Machine, event: str) -> bool:
    """Its last step has a result: the settings of Togai are left out for invoices."""
    last = "setting" if kinds(event) == ["accounts"] else "sent"
    return any(result.step == last for result in machine.record.results_of(event))
