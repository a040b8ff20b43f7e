"""Neutral documents become Zoho's bodies."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import contact_body, day, invoice_body, invoice_hash, period_text
from pipeline.apps.zohobooks.lines import LineOptions, book
from pipeline.errors import Refused
from pipeline.schemas.documents import Address, Invoice, Party
from tests.apps.zohobooks.support import ORGANIZATION, invoice, line, party

FORM = ZohoBooksSettings(organization_id=ORGANIZATION)
KOLKATA = ZoneInfo("Asia/Kolkata")


def contact(of: Party, **tax_fields: str) -> tuple[dict[str, Any], list[str]]:
    return contact_body(of, key=of.id, settings=FORM, tax_fields=tax_fields)


def booked(of: Invoice, zone: str = "UTC", number: str = "", reference: str = "") -> tuple[dict[str, Any], list[str]]:
    return invoice_body(
        of,
        book(of, 2, LineOptions()),
        key=of.id,
        customer_id="9",
        number=number,
        reference=reference,
        settings=FORM,
        zone=ZoneInfo(zone),
    )


def test_a_party_becomes_a_whole_contact_with_its_key_in_the_unique_field() -> None:
    body, warnings = contact(party(other_emails=["cfo@acme.example", "billing@acme.example"]))
    assert body == {
        "contact_name": "ACME Production",
        "contact_type": "customer",
        "company_name": "ACME Enterprise",
        "payment_terms": 30,
        "payment_terms_label": "Net 30",
        "contact_persons": [
            {"email": "billing@acme.example", "is_primary_contact": True, "phone": "+1 555 0100"},
            {"email": "cfo@acme.example", "is_primary_contact": False},
        ],
        "billing_address": {
            "address": "2281 Broadway Street",
            "city": "Florence",
            "zip": "29501",
            "country": "US",
        },
        "custom_fields": [{"api_name": "cf_togai_account_id", "value": "acme-prod"}],
    }
    assert warnings == []


def test_descriptive_values_are_cut_with_a_warning_and_what_cannot_be_cut_is_left_out() -> None:
    address = Address(line1="x" * 501, city="y" * 101, phone="1" * 51)
    body, warnings = contact(party(address=address, email="e" * 101, phone="1" * 51))
    assert len(body["billing_address"]["address"]) == 500
    assert len(body["billing_address"]["city"]) == 100
    assert "phone" not in body["billing_address"]
    assert "contact_persons" not in body
    assert len(warnings) == 4


@pytest.mark.parametrize("change", [{"name": "n" * 201}, {"company": "c" * 201}, {"name": "  "}])
def test_names_are_never_cut_but_refused(change: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"characters, Zoho Books takes 200|has no name"):
        contact(party(**change))


@pytest.mark.parametrize("key", ["kürzel", "a\nb", " a", "", "a" * 1001])
def test_an_id_that_no_header_carries_unharmed_is_refused(key: str) -> None:
    with pytest.raises(Refused, match="cannot be sent in a header"):
        contact(party(id=key))


def test_tax_numbers_go_where_they_are_mapped_and_only_there() -> None:
    of = party(tax_ids={"GSTN": "27AAECA1234F1Z5", "VATN": "GB1"})
    body, warnings = contact(of, GSTN="gst_no")
    assert body["gst_no"] == "27AAECA1234F1Z5"
    assert warnings == ["tax numbers without a field: VATN"]
    with pytest.raises(Refused, match="Zoho has no field 'gst'"):
        contact(of, GSTN="gst")


def test_an_invoice_has_its_days_number_reference_and_key() -> None:
    body, warnings = booked(invoice(), number="2024-07-2958", reference="inv.1")
    assert body["customer_id"] == "9"
    assert (body["date"], body["due_date"]) == ("2024-08-03", "2024-09-02")
    assert (body["invoice_number"], body["reference_number"]) == ("2024-07-2958", "inv.1")
    assert body["custom_fields"] == [{"api_name": "cf_togai_invoice_id", "value": "inv.1"}]
    assert warnings == []


@pytest.mark.parametrize(
    ("zone", "issued"), [("Asia/Kolkata", "2024-08-01"), ("UTC", "2024-07-31"), ("America/Los_Angeles", "2024-07-31")]
)
def test_days_are_those_of_the_organization(zone: str, issued: str) -> None:
    body, _ = booked(invoice(issued=datetime(2024, 7, 31, 20, tzinfo=UTC)), zone)
    assert body["date"] == issued


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(["Asia/Kolkata", "America/New_York"]))
def test_midnight_of_a_local_day_is_that_day(local: date, zone: str) -> None:
    midnight = datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(zone))
    assert day(midnight.astimezone(UTC), ZoneInfo(zone)) == local


def test_a_missing_due_day_follows_from_the_terms_and_one_before_the_date_is_mended() -> None:
    assert booked(invoice(due=None, net_term_days=15))[0]["due_date"] == "2024-08-18"
    assert "due_date" not in booked(invoice(due=None, net_term_days=None))[0]
    body, warnings = booked(invoice(due=datetime(2024, 8, 1, tzinfo=UTC)))
    assert body["due_date"] == "2024-08-03"
    assert len(warnings) == 1


def test_a_period_shows_its_last_day_which_its_exclusive_end_is_not() -> None:
    for zone in ("UTC", "Asia/Kolkata", "America/Los_Angeles"):
        assert period_text(invoice(), ZoneInfo(zone)) == "2024-07-01 to 2024-07-31"
    start, end = (datetime(2024, month, 1, tzinfo=KOLKATA).astimezone(UTC) for month in (7, 8))
    assert period_text(invoice(period_start=start, period_end=end), KOLKATA) == "2024-07-01 to 2024-07-31"
    assert period_text(invoice(period_end=None), KOLKATA) == ""


def test_a_number_is_never_cut_and_a_reference_without_room_is_left_out() -> None:
    with pytest.raises(Refused, match="invoice number"):
        booked(invoice(), number="9" * 101)
    body, warnings = booked(invoice(), reference="r" * 51)
    assert "reference_number" not in body
    assert len(warnings) == 1


def test_the_hash_is_of_what_was_invoiced_not_of_what_became_of_it() -> None:
    one = invoice(line("12.3400"))
    same = invoice(line("12.34"), status="PAID", version="2025-01-01T00:00:00Z", party=party(name="Renamed"))
    assert invoice_hash(one) == invoice_hash(same)
    assert invoice_hash(one) != invoice_hash(invoice(line("12.35")))
    assert invoice_hash(one) != invoice_hash(invoice(line("12.34"), currency="EUR"))
