"""Togai's objects as neutral documents, one fixture an object."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pipeline.apps.togai import app
from pipeline.errors import Refused
from pipeline.schemas import documents
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from tests.apps.togai.trees import fixture


def invoice(data: Any) -> documents.Invoice:
    found = app.document("invoice.generated", Event(type="togai.invoice.generated", data=data))
    assert isinstance(found, documents.Invoice)
    return found


def party(kind: str, data: Any) -> documents.Party:
    found = app.document(f"{kind}.created", Event(type=f"togai.{kind}.created", data=data))
    assert isinstance(found, documents.Party)
    return found


def bare(**more: Any) -> dict[str, Any]:
    """The least that is an invoice."""
    return {"id": "inv.1", "ownerId": "acme-prod", "invoiceDate": "2024-08-03T00:00:00Z", "totalAmount": 5, **more}


# --- parties ----------------------------------------------------------------------------------------------------------


def test_an_account_is_a_party() -> None:
    assert party("account", fixture("account.json")) == documents.Party(
        type="account",
        id="acme-prod",
        name="Acme Production",
        email="billing@acme.example",
        other_emails=["cfo@acme.example"],
        phone="+18435550100",
        currency="USD",
        net_term_days=30,
        address=documents.Address(
            line1="2281 Broadway Street",
            line2="G-31",
            city="Florence",
            state="South Carolina",
            postal_code="29501",
            country="US",
            phone="+18435550100",
        ),
        tax_ids={"GSTN": "29ABCDE1234F1Z5"},
    )


def test_an_account_without_mail_and_address_takes_its_customers() -> None:
    data = {"id": "a", "name": "A", "customerId": "acme", "customer": fixture("customer.json")}
    found = party("account", data)
    assert (found.email, found.phone, found.company) == ("ap@acme.example", "+18435550100", "Acme Enterprise")
    assert found.address is not None
    assert found.address.city == "Florence"


def test_the_least_account_is_a_party_of_its_name_alone() -> None:
    least = {"id": "a", "name": "Acme", "primaryEmail": None}
    assert party("account", least) == documents.Party(type="account", id="a", name="Acme")


@pytest.mark.parametrize("noun", ["account", "customer"])
def test_a_part_of_an_object_without_its_name_is_refused_and_empties_nothing(noun: str) -> None:
    with pytest.raises(Refused, match=f"{noun} a has no name: send the whole object, or a hint"):
        party(noun, {"id": "a"})


def test_a_customer_is_a_party_with_a_version() -> None:
    found = party("customer", fixture("customer.json"))
    assert (found.type, found.id, found.version) == ("customer", "acme", "2024-06-28T09:12:44.512000Z")


# --- invoices ---------------------------------------------------------------------------------------------------------


def test_an_invoice_adds_up_to_its_total_line_by_line() -> None:
    found = invoice(fixture("invoice_due.json"))
    assert [(line.kind.value, line.description, str(line.amount)) for line in found.lines] == [
        ("charge", "API calls", "27.69"),
        ("charge", "Platform fee", "499.00"),
        ("charge", "Seats", "300.00"),
        ("charge", "SMS overage", "30.00"),
        ("charge", "Minimum commitment", "43.31"),
        ("charge", "Support retainer", "100.00"),
        ("credit", "Referral credit", "-50.00"),
        ("charge", "Onboarding", "40.00"),
        ("discount", "Launch discount", "-25.00"),
        ("tax", "GST 18%", "173.70"),
    ]
    assert sum(line.amount for line in found.lines) == found.total == Decimal("1138.70")
    assert found.lines[0].details == ["Slab 1: 10000 × 0.001 = 10.00", "Slab 2: 22109 × 0.0008 = 17.69"]


def test_an_invoice_says_who_when_and_under_which_number() -> None:
    found = invoice(fixture("invoice_due.json"))
    assert (found.number, found.currency, found.status, found.title) == ("2024-07-2958", "USD", "DUE", "Scale")
    assert (found.party.type, found.party.id, found.party.name) == ("account", "acme-prod", "Acme Production")
    assert (found.party.company, found.party.email) == ("Acme Enterprise", "billing@acme.example")
    assert found.issued == datetime(2024, 8, 3, tzinfo=UTC)
    assert found.due == datetime(2024, 9, 2, tzinfo=UTC)
    assert (found.period_start, found.period_end) == (
        datetime(2024, 7, 1, tzinfo=UTC),
        datetime(2024, 8, 1, tzinfo=UTC),
    )
    assert found.version == "2024-08-03T00:05:12.580150Z"


def test_a_composite_invoice_belongs_to_its_group_and_its_lines_to_the_members() -> None:
    found = invoice(fixture("invoice_group.json"))
    assert (found.party.type, found.party.id) == ("invoice_group", "inv_group.20rvWRxQcQK.0ZwPG")
    assert (found.party.name, found.party.email, found.party.currency) == ("Acme all", "group@acme.example", "USD")
    assert [(line.group, str(line.amount)) for line in found.lines] == [
        ("Acme Production", "160.00"),
        ("Acme Production", "-10.00"),
        ("Acme Staging / Compute", "30.00"),
    ]


def test_a_member_of_a_group_belongs_to_its_account() -> None:
    found = invoice(bare(invoiceType="STANDARD", invoiceDetails={"invoiceGroup": {"id": "inv_group.1", "name": "All"}}))
    assert (found.party.type, found.party.id) == ("account", "acme-prod")


def test_sums_that_do_not_add_up_are_passed_on_as_they_are() -> None:
    found = invoice(fixture("invoice_inconsistent.json"))
    assert found.total == Decimal("881.94")
    assert sum(line.amount for line in found.lines) == Decimal("982.04")
    assert found.issued == datetime(2023, 1, 1, 12, tzinfo=UTC)


def test_what_is_missing_is_left_open() -> None:
    found = invoice(bare())
    assert (found.number, found.due, found.net_term_days, found.currency, found.version) == ("", None, None, "", "")
    assert (found.party.name, found.party.email, found.party.address) == ("acme-prod", "", None)


def test_an_invoice_without_a_tree_is_one_line() -> None:
    found = invoice(bare(sequenceId="2024-1"))
    assert [(line.description, str(line.amount)) for line in found.lines] == [("Invoice 2024-1", "5")]


def test_a_missing_due_date_is_the_invoice_date_and_the_net_term() -> None:
    assert invoice(bare(netTermDays=14)).due == datetime(2024, 8, 17, tzinfo=UTC)


def test_an_invoice_without_owner_belongs_to_the_customer() -> None:
    assert invoice(bare(ownerId=None, customerId="acme")).party.id == "acme"


@pytest.mark.parametrize(
    ("more", "currency"),
    [
        ({"revenueInfo": {"type": "TOTAL_AMOUNT", "units": "JPY", "value": 5}}, "JPY"),
        ({"revenueInfo": {"type": "TOTAL_AMOUNT", "units": "USAGE_UNITS", "value": 5}}, ""),
        ({"invoiceDetails": {"account": {"invoiceCurrency": "kwd"}}}, "KWD"),
        ({"invoiceDetails": {"invoiceGroup": {"id": "acme-prod", "invoiceCurrency": "EUR"}}}, "EUR"),
    ],
)
def test_the_currency_is_the_trees_unit_else_the_snapshots(more: dict[str, Any], currency: str) -> None:
    assert invoice(bare(**more)).currency == currency


@pytest.mark.parametrize(("unit", "total"), [("JPY", "1500"), ("KWD", "12.345")])
def test_currencies_with_no_and_with_three_decimals_keep_theirs(unit: str, total: str) -> None:
    tree = {
        "type": "TOTAL_AMOUNT",
        "units": unit,
        "value": total,
        "lineItems": [{"type": "CUSTOM_AMOUNT", "value": total}],
    }
    found = invoice(bare(totalAmount=Decimal(total), revenueInfo=tree))
    assert str(found.total) == str(found.lines[0].amount) == total


@pytest.mark.parametrize("status", ["GENERATED", "PUBLISHED", "DUE"])
def test_older_names_of_a_status_are_read_as_todays(status: str) -> None:
    assert invoice(bare(status=status)).status == "DUE"


def test_money_that_travelled_as_text_is_the_same_money() -> None:
    event = Event(type="togai.invoice.generated", data=fixture("invoice_due.json"))
    codec = Codec()
    assert app.document("invoice.generated", codec.decode(Event, codec.encode(event))) == invoice(event.data)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"id": 7},
        bare(invoiceDate=None),
        bare(totalAmount=None),
        bare(totalAmount="NaN"),
        bare(totalAmount="1e999"),
        bare(ownerId=None),
        bare(ownerId=None, invoiceType="COMPOSITE"),
        bare(revenueInfo={"type": "TOTAL_AMOUNT", "value": "NaN", "lineItems": [{"type": "SUB_CREDITS", "value": 1}]}),
    ],
)
def test_what_has_no_shape_of_an_invoice_is_refused(data: Any) -> None:
    with pytest.raises(Refused):
        invoice(data)


def nested(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"type": "CUSTOM_AMOUNT", "value": 5}
    for _ in range(levels):
        tree = {"type": "TOTAL_AMOUNT", "value": 5, "lineItems": [tree]}
    return tree


def test_a_tree_may_nest_deeper_than_any_invoice_does() -> None:
    assert sum(line.amount for line in invoice(bare(revenueInfo=nested(100))).lines) == 5


def test_a_tree_that_nests_without_end_is_refused() -> None:
    with pytest.raises(Refused):
        invoice(bare(revenueInfo=nested(5000)))


def test_samples_are_documents_and_their_sums_add_up() -> None:
    for name, trigger in app.triggers.items():
        msgspec.convert(trigger.sample, trigger.schema)
        document = app.document(name, Event(type=f"togai.{name}", data=trigger.sample))
        if isinstance(document, documents.Invoice):
            assert sum(line.amount for line in document.lines) == document.total
