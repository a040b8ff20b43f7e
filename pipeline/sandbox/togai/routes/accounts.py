"""Accounts, the ones that are billed, and invoice groups."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.errors import bad
from pipeline.sandbox.togai.listing import Listing, combinations
from pipeline.sandbox.togai.shapes import ChangedAccount, NewAccount, body_of
from pipeline.sandbox.togai.state import ACCOUNT_FIELDS, State

LISTING = Listing(
    {
        "account_id": "id",
        "customer_id": "customerId",
        "status": "status",
        "invoice_currency": "invoiceCurrency",
    },
    combinations("account_id", "customer_id", "status", "invoice_currency", "customer_id+status"),
)
GROUPS = Listing({})


def create(state: State, request: Request) -> Reply:
    account = state.create_account(body_of(request, NewAccount))
    request.applied("created", "accounts", account["id"])
    return Reply(201, account)


def get(state: State, request: Request) -> Reply:
    account = state.account(request.params[0])
    if request.query.get("includeGroupDetails") == "true":
        for group in state.groups.values():
            if account["id"] in group["accountIds"]:
                details = {name: value for name, value in group.items() if name != "accountIds"}
                return Reply(200, {**account, "invoiceGroupDetails": details})
    return Reply(200, account)


def list_(state: State, request: Request) -> Reply:
    rows = state.latest_first("account", state.accounts)
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


def update(state: State, request: Request) -> Reply:
    """`metadata` is replaced as a whole. The currency can't change."""
    before = state.account(request.params[0])
    body = body_of(request, ChangedAccount)
    if body.get("invoiceCurrency", before["invoiceCurrency"]) != before["invoiceCurrency"]:
        raise bad("The currency of an account can't be changed")
    if before["status"] == "ARCHIVED":
        raise bad("The account is archived")
    after = {
        **before,
        **{name: body[name] for name in ("name", "status", *ACCOUNT_FIELDS) if name in body},
    }
    request.applied("unchanged" if after == before else "updated", "accounts", before["id"])
    state.accounts[before["id"]] = after
    state.touch("account", before["id"])
    return Reply(200, after)


def archive(state: State, request: Request) -> Reply:
    account = state.account(request.params[0])
    if any(item["ownerId"] == account["id"] and item["status"] == "DRAFT" for item in state.invoices.values()):
        raise bad("The account has an ongoing invoice")
    state.accounts[account["id"]] = {**account, "status": "ARCHIVED"}
    state.touch("account", account["id"])
    request.applied("archived", "accounts", account["id"])
    return Reply(200, {"success": True})


def create_group(state: State, request: Request) -> Reply:
    group = state.create_group(body_of(request))
    request.applied("created", "invoice_groups", group["id"])
    return Reply(200, group)


def get_group(state: State, request: Request) -> Reply:
    return Reply(200, state.group(request.params[0]))


def list_groups(state: State, request: Request) -> Reply:
    rows = list(state.groups.values())
    return GROUPS.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


ROUTES = (
    Route("POST", "accounts", "accounts.create", create),
    Route("GET", "accounts", "accounts.list", list_),
    Route("GET", "accounts/{}", "accounts.get", get),
    Route("PATCH", "accounts/{}", "accounts.update", update),
    Route("DELETE", "accounts/{}", "accounts.archive", archive),
    Route("POST", "invoice_groups", "invoice_groups.create", create_group),
    Route("GET", "invoice_groups", "invoice_groups.list", list_groups),
    Route("GET", "invoice_groups/{}", "invoice_groups.get", get_group),
)
