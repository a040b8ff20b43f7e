"""The flows of the catalogue, with the real apps and their samples."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.registry import load_apps
from pipeline.flows.compile import CompiledFlow, load_flow
from pipeline.flows.decide import advance, decide
from pipeline.flows.files import flow_files
from pipeline.flows.rules import RuleSet
from pipeline.flows.samples import sample_event
from pipeline.schemas.codec import Codec
from pipeline.schemas.documents import Invoice, Party
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Connection, FlowVersion, Link, Step, Verdict
from pipeline.settings import Encoding
from tests.flows.toy import NOW

FOLDER = Path(__file__).parents[2] / "configs" / "flows"
CONTACTS = "togai-account-to-zohobooks-contact"
INVOICES = "togai-invoice-to-zohobooks-invoice"
GENERATED = (
    'data.status in ["DUE", "GENERATED", "PUBLISHED", "PARTIALLY_PAID", "PAID", "UN_COLLECTIBLE", "REFUND_INITIATED", '
    '"REFUND_COMPLETED"]'
)
CONNECTIONS = (Connection(id="togai", app="togai"), Connection(id="books", app="zohobooks"))
of_each = pytest.mark.parametrize("id_", [path.stem for path in flow_files(FOLDER)])


def catalogue() -> dict[str, CompiledFlow]:
    apps = load_apps()
    flows = (load_flow(file.read_text(), apps, file.name) for file in flow_files(FOLDER))
    return {flow.id: flow for flow in flows}


def rules(id_: str, options: Mapping[str, Any]) -> RuleSet:
    apps = load_apps()
    text = (FOLDER / f"{id_}.yaml").read_text()
    version = load_flow(text, apps).version
    link = Link(
        id="link",
        flow=id_,
        flow_version=version,
        connections={"togai": "togai", "zohobooks": "books"},
        options=dict(options),
    )
    return RuleSet(apps, CONNECTIONS, [FlowVersion(id=id_, version=version, text=text)], [link])


def sample(trigger: str, **changes: Any) -> Event:
    app = load_apps()["togai"]
    event = sample_event(app, app.triggers[trigger])
    data = {key: value for key, value in {**event.data, **changes}.items() if value is not ...}
    return msgspec.structs.replace(event, data=data)


def steps(
    rules: RuleSet, event: Event, outputs: Mapping[str, Mapping[str, Any]], encoding: Encoding = Encoding.JSON
) -> list[Command]:
    """All commands of a run, each step giving what `outputs` has for it; over the wire and back, as in life."""
    codec = Codec(encoding)
    decided = decide(event, rules, NOW)
    assert decided.decision.verdict is Verdict.MATCHED, decided.decision
    done: list[Command] = []
    commands = decided.commands
    while commands:
        command = codec.decode(Command, codec.encode(commands[0]))
        done.append(command)
        if command.last:
            break
        run = msgspec.structs.replace(
            command.run, outputs={**command.run.outputs, command.step: dict(outputs[command.step])}
        )
        step = Step(id=command.id, run=run, step=command.step, index=command.index)
        advanced = advance(codec.decode(Step, codec.encode(step)), rules, NOW)
        assert advanced.decision is None, advanced.decision
        commands = advanced.commands
    return done


def typed(rules: RuleSet, command: Command) -> Any:
    """The input as a sink reads it."""
    return msgspec.convert(command.input, rules.apps[command.app].actions[command.action].input)


def test_the_catalogue_offers_the_documented_flows_by_their_names() -> None:
    flows = catalogue()
    assert flows[CONTACTS].spec.name == "Sync accounts created from Togai to ZohoBooks"
    assert flows[INVOICES].spec.name == "Create an invoice in ZohoBooks on Togai invoice"
    assert {flow.spec.type for flow in (flows[CONTACTS], flows[INVOICES])} == {"outbound"}


@of_each
def test_every_flow_is_named_like_its_file_and_says_what_its_options_are_for(id_: str) -> None:
    flow = catalogue()[id_]
    assert flow.spec.description
    assert all(option.description for option in flow.spec.options.values())


def test_an_account_becomes_a_contact_and_its_id_a_setting_of_the_account() -> None:
    given = rules(CONTACTS, {})
    contact, setting = steps(given, sample("account.created"), {"contact": {"contact_id": "460000000026049"}})
    upsert = typed(given, contact)
    assert contact.action == "upsert_contact"
    assert isinstance(upsert.party, Party)
    assert (upsert.source.app, upsert.source.type, upsert.source.id) == ("togai", "account", upsert.party.id)
    assert setting.input == {
        "entity_type": "ACCOUNT",
        "entity_id": upsert.party.id,
        "id": "ZohoBooksCustomerId",
        "value": "460000000026049",
        "namespace": "USER",
    }
    assert typed(given, setting).value == "460000000026049"
    assert (setting.connection, setting.last, setting.scope) == ("togai", True, "books+togai")


def test_a_contact_alone_is_the_last_step_where_no_setting_is_wanted() -> None:
    (contact,) = steps(rules(CONTACTS, {"write_setting": False}), sample("account.created"), {})
    assert contact.last


@pytest.mark.parametrize(("status", "verdict"), [("ACTIVE", "matched"), (..., "matched"), ("ARCHIVED", "not_matched")])
def test_only_active_accounts_are_synced(status: Any, verdict: str) -> None:
    assert decide(sample("account.created", status=status), rules(CONTACTS, {}), NOW).decision.verdict == verdict


GIVEN = {
    "contact": {"contact_id": "46"},
    "invoice": {"invoice_id": "99", "total": "1038.4"},
    "sent": {"invoice_id": "99"},
}


@pytest.mark.parametrize("encoding", list(Encoding))
def test_an_invoice_is_booked_for_its_customer_marked_as_sent_and_its_id_written_back(encoding: Encoding) -> None:
    given = rules(INVOICES, {"tolerance": "0.05", "customer_missing": "park", "number": "auto"})
    event = sample("invoice.generated")
    contact, invoice, sent, setting = steps(given, event, GIVEN, encoding)
    assert [command.action for command in (contact, invoice, sent, setting)] == [
        "ensure_contact",
        "create_invoice",
        "mark_invoice_sent",
        "put_setting",
    ]
    ensure = typed(given, contact)
    assert (ensure.source.type, ensure.source.id, ensure.missing) == ("account", ensure.party.id, "park")
    create = typed(given, invoice)
    assert isinstance(create.invoice, Invoice)
    assert create.invoice.total == event.data["totalAmount"]
    assert (create.customer_id, create.tolerance, create.number) == ("46", Decimal("0.05"), "auto")
    assert (create.source.type, create.source.id) == ("invoice", event.subject)
    assert typed(given, sent).invoice_id == "99"
    assert (setting.input["entity_type"], setting.input["entity_id"]) == ("INVOICE", event.subject)
    assert (setting.input["id"], setting.input["value"]) == ("ZohoBooksInvoiceId", "99")
    assert [command.last for command in (contact, invoice, sent, setting)] == [False, False, False, True]


def test_the_whole_invoice_travels_no_further_than_it_is_read() -> None:
    contact, invoice, sent, _ = steps(rules(INVOICES, {}), sample("invoice.generated"), GIVEN)
    assert "document" in contact.run.trigger
    assert set(invoice.run.trigger) == set(sent.run.trigger) == {"document.id"}


def test_without_a_tolerance_the_smallest_unit_of_the_currency_is_left_to_the_app() -> None:
    given = rules(INVOICES, {})
    _, invoice, *_ = steps(given, sample("invoice.generated"), GIVEN)
    assert typed(given, invoice).tolerance is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["contact", "invoice", "sent", "setting"]),
        ({"mark_sent": False}, ["contact", "invoice", "setting"]),
        ({"write_setting": False}, ["contact", "invoice", "sent"]),
        ({"mark_sent": False, "write_setting": False}, ["contact", "invoice"]),
    ],
)
def test_steps_follow_the_options_and_the_last_one_knows_it_is_the_last(
    options: dict[str, Any], expected: list[str]
) -> None:
    commands = steps(rules(INVOICES, options), sample("invoice.generated"), GIVEN)
    assert [command.step for command in commands] == expected
    assert commands[-1].last


def test_a_group_that_invoices_is_mapped_as_a_group() -> None:
    event = sample("invoice.generated", invoiceType="COMPOSITE", ownerId="inv_group.7")
    given = rules(INVOICES, {})
    contact, *_ = steps(given, event, GIVEN)
    source = typed(given, contact).source
    assert (source.type, source.id) == ("invoice_group", "inv_group.7")


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"status": "DRAFT"}, GENERATED),
        ({"status": "VOID"}, GENERATED),
        ({"status": "MERGED"}, 'data.status != "MERGED"'),
        ({"invoiceClass": "ORDER"}, '!has(data.invoiceClass) || data.invoiceClass == "INVOICE"'),
        ({"finalizingStatus": "FINALIZING"}, '!has(data.finalizingStatus) || data.finalizingStatus == "FINALIZED"'),
        ({"totalAmount": Decimal("0.00")}, "data.totalAmount > 0"),
        ({"totalAmount": Decimal("-0.01")}, "data.totalAmount > 0"),
        ({"totalAmount": ...}, "data.totalAmount > 0"),
    ],
)
def test_an_invoice_that_must_not_be_booked_is_told_by_the_clause_that_stops_it(
    changes: dict[str, Any], clause: str
) -> None:
    decided = decide(sample("invoice.generated", **changes), rules(INVOICES, {}), NOW)
    (link,) = decided.decision.links
    assert (link.verdict, link.clause, decided.commands) == (Verdict.NOT_MATCHED, clause, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"finalizingStatus": ...},
        {"finalizingStatus": None},
        {"invoiceClass": ...},
        {"totalAmount": Decimal("0.01"), "revenueInfo": ...},
        {"status": "GENERATED"},
        {"status": "PAID", "paidAmount": Decimal("1038.40")},
    ],
)
def test_an_invoice_that_says_less_is_booked_all_the_same(changes: dict[str, Any]) -> None:
    decided = decide(sample("invoice.generated", **changes), rules(INVOICES, {}), NOW)
    assert decided.decision.verdict is Verdict.MATCHED


def test_the_two_flows_do_not_meet_each_others_events() -> None:
    assert decide(sample("invoice.generated"), rules(CONTACTS, {}), NOW).decision.verdict is Verdict.NO_LINK


def test_the_example_of_the_documentation_is_a_sound_flow() -> None:
    text = (FOLDER.parents[1] / "docs" / "flows.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert load_flow(example, load_apps()).id == "my-invoices"


@of_each
def test_the_documentation_names_each_flow_its_trigger_its_options_and_steps(id_: str) -> None:
    text = (FOLDER.parents[1] / "docs" / "flows.md").read_text(encoding="utf-8")
    title, section = text.split(f"`configs/flows/{id_}.yaml`", 1)
    section = section.split("\n### ", 1)[0]
    spec = catalogue()[id_].spec
    assert title.rstrip().endswith(f"### {spec.name}")
    assert section.startswith(f", on `{spec.trigger.app} {spec.trigger.event}`.")
    listed = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert listed == list(spec.options)
    steps = [line.split("`")[1] for line in section.splitlines() if line[:1].isdigit()]
    assert steps == [action.id for action in spec.actions]


def test_the_readme_lists_each_flow_of_the_catalogue_with_its_direction() -> None:
    text = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## The catalogue\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    listed = {row[1].strip(" `"): row[2].strip() for row in rows}
    assert listed == {id_: flow.spec.type for id_, flow in catalogue().items()}
