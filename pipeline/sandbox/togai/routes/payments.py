"""Payments: no idempotency key, so a second POST pays twice unless the caller looks first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipeline.sandbox.clock import utc
from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.documents import pay, payable
from pipeline.sandbox.togai.errors import bad, not_found
from pipeline.sandbox.togai.listing import Listing, combinations
from pipeline.sandbox.togai.money import ZERO
from pipeline.sandbox.togai.shapes import NewPayment, body_of
from pipeline.sandbox.togai.state import State

LISTING = Listing(
    {"id": "id", "account_id": "accountId", "created_at": "createdAt"},
    combinations("id", "account_id", "account_id+created_at"),
    context=False,
)


def create(state: State, request: Request) -> Reply:
    """The answer spells the reference in the plural and its time has no zone."""
    body = body_of(request, NewPayment)
    account = state.account(body["accountId"])
    if body["currency"] != account["invoiceCurrency"]:
        raise bad(f"Account {account['id']} is billed in {account['invoiceCurrency']}")
    reference = body["externalPaymentReference"]
    amounts = [_amount(record.get("amount")) for record in body["lineItemRecords"]]
    if min(amounts) <= 0 or sum(amounts, ZERO) > _amount(body["totalAmount"]):
        raise bad("The records must be above zero, and not more than the totalAmount")
    parts = [
        (str(record.get("togaiId")), amount)
        for record, amount in zip(body["lineItemRecords"], amounts, strict=True)
        if record["type"] == "INVOICE"
    ]
    if len({id_ for id_, _ in parts}) < len(parts):
        raise bad("An invoice can be named once")
    for id_, amount in parts:
        payable(state, id_, account["id"], amount)
    for id_, amount in parts:
        pay(state, id_, amount)
    payment = {
        "id": state.ids("payment"),
        **{name: body.get(name) for name in ("accountId", "currency", "totalAmount", "description", "notes")},
        "externalPaymentReferences": reference,
        "lineItemRecords": body["lineItemRecords"],
        "version": 1,
        "createdBy": "K43dYgENr7",
        "createdAt": utc(request.now).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    state.payments[payment["id"]] = payment
    request.applied("created", "payments", payment["id"], key=reference["transactionNumber"])
    return Reply(201, payment)


def get(state: State, request: Request) -> Reply:
    payment = state.payments.get(request.params[0])
    if payment is None:
        raise not_found("Payment", request.params[0])
    return Reply(200, payment)


def list_(state: State, request: Request) -> Reply:
    rows = list(reversed(state.payments.values()))
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise bad("Amounts must be numbers")
    return Decimal(value)


ROUTES = (
    Route("POST", "payments", "payments.create", create),
    Route("GET", "payments", "payments.list", list_),
    Route("GET", "payments/{}", "payments.get", get),
)
