"""Togai's objects are read tolerantly: what Togai adds or leaves out does not stop them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from pipeline.schemas.togai import Account, Invoice, InvoiceLineItem, as_utc
from tests.apps.togai.trees import FIXTURES


def invoice(text: str) -> Invoice:
    return msgspec.json.decode(text, type=Invoice)


@pytest.mark.parametrize("name", ["invoice_due.json", "invoice_group.json", "invoice_inconsistent.json"])
def test_invoices_are_read_and_their_money_is_decimal_to_the_digit(name: str) -> None:
    read = msgspec.json.decode((FIXTURES / name).read_bytes(), type=Invoice)
    assert read.revenue_info is not None
    assert isinstance(read.revenue_info.value, Decimal)
    assert str(read.revenue_info.value) == str(read.total_amount)


def test_fields_that_togai_adds_pass() -> None:
    account = msgspec.json.decode((FIXTURES / "account.json").read_bytes(), type=Account)
    assert (account.id, account.net_term_days) == ("acme-prod", 30)


def test_line_types_and_statuses_that_togai_adds_pass() -> None:
    read = invoice('{"id":"i","status":"ARGUED","revenueInfo":{"type":"TAX_2030","value":1.10}}')
    assert read.status == "ARGUED"
    assert read.revenue_info == InvoiceLineItem(type="TAX_2030", value=Decimal("1.10"))


def test_a_leaf_needs_no_line_items_and_null_is_as_good_as_nothing() -> None:
    read = msgspec.json.decode('{"type":"TAX_AMOUNT","lineItems":null,"value":null}', type=InvoiceLineItem)
    assert read.line_items is None


@pytest.mark.parametrize(
    ("older", "today"),
    [
        ("ONGOING", "DRAFT"),
        ("GRACE_PERIOD", "DRAFT"),
        ("GENERATED", "DUE"),
        ("PUBLISHED", "DUE"),
        ("INITIATE_REFUND", "REFUND_INITIATED"),
        ("DUE", "DUE"),
    ],
)
def test_older_statuses_are_read_as_todays(older: str, today: str) -> None:
    assert invoice(f'{{"id":"i","status":"{older}"}}').status == today


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-08-03T00:05:56Z", 0),
        ("2024-08-03T00:05:56.5Z", 500_000),
        ("2024-08-03T00:05:56.58015Z", 580_150),
        ("2024-08-03T00:05:56.580150123Z", 580_150),
        ("2024-08-03T00:05:56", 0),
        ("2024-08-03T05:35:56+05:30", 0),
    ],
)
def test_times_come_with_any_fraction_and_with_or_without_a_zone(text: str, micros: int) -> None:
    time = invoice(f'{{"id":"i","updatedAt":"{text}"}}').updated_at
    assert time is not None
    assert as_utc(time) == datetime(2024, 8, 3, 0, 5, 56, micros, tzinfo=UTC)
