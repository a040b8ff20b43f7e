"""Webhooks: every shape a body may have comes down to the same hint."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Hook
from pipeline.apps.togai import app
from pipeline.errors import Undecodable
from tests.apps.togai.trees import fixture

ACCOUNT = fixture("account.json")
INVOICE = fixture("invoice_due.json")
encode = msgspec.json.Encoder(decimal_format="number").encode


def hooks(kind: str, body: Any) -> list[Hook]:
    return list(app.hooks(kind, encode(body)))


@pytest.mark.parametrize(
    "body",
    [
        ACCOUNT,
        {"payload": ACCOUNT},
        {"event": "Account creation", "data": ACCOUNT},
        {"eventName": "account.created", "payload": ACCOUNT},
        {"type": "account.created", "account": ACCOUNT},
        {"id": "evt_1", "type": "account.created", "data": ACCOUNT},
        {"data": {"account": ACCOUNT}},
        [ACCOUNT],
        [{"payload": ACCOUNT}],
        {"data": [ACCOUNT]},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["account.created", "any"])
def test_every_shape_gives_the_same_hint(kind: str, body: Any) -> None:
    version = app.version("account.created", ACCOUNT)
    assert hooks(kind, body) == [Hook("account.created", subject="acme-prod", data=ACCOUNT, sourceversion=version)]


def test_a_list_gives_a_hint_for_each() -> None:
    assert [hook.subject for hook in hooks("any", [ACCOUNT, {"payload": INVOICE}])] == ["acme-prod", INVOICE["id"]]


def test_an_invoice_brings_its_version() -> None:
    (hook,) = hooks("invoice.generated", INVOICE)
    assert (hook.trigger, hook.sourceversion) == ("invoice.generated", "2024-08-03T00:05:12.580150Z")


@pytest.mark.parametrize(
    ("body", "trigger"),
    [
        (ACCOUNT, "account.created"),
        (fixture("customer.json"), "customer.created"),
        (INVOICE, "invoice.generated"),
        ({**INVOICE, "status": "DRAFT"}, "invoice.updated"),
        ({**INVOICE, "invoiceClass": "ORDER"}, "order.generated"),
        ({"event": "Invoice updation", "data": INVOICE}, "invoice.updated"),
        ({"event": "something else", "data": INVOICE}, "invoice.generated"),
    ],
)
def test_without_a_kind_in_the_path_a_name_decides_and_then_the_shape(body: Any, trigger: str) -> None:
    assert [hook.trigger for hook in hooks("any", body)] == [trigger]


def test_the_kind_in_the_path_decides_before_all_else() -> None:
    assert [hook.trigger for hook in hooks("invoice.updated", {"event": "invoice.generated", "data": INVOICE})] == [
        "invoice.updated"
    ]


def test_a_customer_that_brings_its_first_account_is_the_customer() -> None:
    body = {**fixture("customer.json"), "account": ACCOUNT}
    assert [hook.subject for hook in hooks("customer.created", body)] == ["acme"]


@pytest.mark.parametrize("kind", ["price_plan.created", "proposal.created", "incident.generated", "report.generated"])
def test_kinds_that_no_flow_uses_are_accepted_without_an_event(kind: str) -> None:
    assert hooks(kind, {"id": "x"}) == []
    assert hooks("any", {"event": kind, "data": {"id": "x"}}) == []


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("account.created", b"", "empty"),
        ("account.created", b"  ", "empty"),
        ("account.created", b"{", "not_json"),
        ("account.created", b'"x"', "wrong_type"),
        ("account.created", b"[7]", "wrong_type"),
        ("account.created", b"{}", "no_subject"),
        ("account.created", b'{"id":7}', "no_subject"),
        ("account.removed", b"{}", "unknown_trigger"),
        ("any", b'{"id":"x"}', "unknown_trigger"),
    ],
)
def test_a_body_that_is_none_gets_its_own_code(kind: str, body: bytes, code: str) -> None:
    with pytest.raises(Undecodable) as caught:
        app.hooks(kind, body)
    assert caught.value.code == code
