"""Customers; creating one creates an account too."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.listing import Listing, combinations
from pipeline.sandbox.togai.shapes import ChangedCustomer, NewCustomer, body_of
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json

LISTING = Listing({"id": "id", "status": "status"}, combinations("id", "status"))


def create(state: State, request: Request) -> Reply:
    """The answer has another shape than GET: no status or times, the account and the settings nested."""
    body = body_of(request, NewCustomer)
    customer = state.create_customer(body)
    account_id: str = (body.get("account") or {}).get("id") or customer["id"]
    request.applied("created", "customers", customer["id"])
    request.applied("created", "accounts", account_id)
    shown = {name: customer[name] for name in ("id", "togaiCustomerId", "name", "primaryEmail", "address")}
    return Reply(201, {**shown, "settings": body.get("settings") or [], "account": state.accounts[account_id]})


def get(state: State, request: Request) -> Reply:
    return Reply(200, state.customer(request.params[0]))


def list_(state: State, request: Request) -> Reply:
    rows = state.latest_first("customer", state.customers)
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


def update(state: State, request: Request) -> Reply:
    before = state.customer(request.params[0])
    body = body_of(request, ChangedCustomer)
    after: Json = {**before, **{name: body[name] for name in ("name", "primaryEmail", "address") if name in body}}
    request.applied("unchanged" if after == before else "updated", "customers", before["id"])
    after["updatedAt"] = state.now()
    state.customers[before["id"]] = after
    state.touch("customer", before["id"])
    return Reply(200, after)


def archive(state: State, request: Request) -> Reply:
    customer = state.customer(request.params[0])
    state.customers[customer["id"]] = {**customer, "status": "ARCHIVED", "updatedAt": state.now()}
    state.touch("customer", customer["id"])
    request.applied("archived", "customers", customer["id"])
    return Reply(200, {"success": True})


ROUTES = (
    Route("POST", "customers", "customers.create", create),
    Route("GET", "customers", "customers.list", list_),
    Route("GET", "customers/{}", "customers.get", get),
    Route("PATCH", "customers/{}", "customers.update", update),
    Route("DELETE", "customers/{}", "customers.archive", archive),
)
