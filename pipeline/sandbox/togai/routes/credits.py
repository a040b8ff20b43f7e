"""Credits: balances granted to an account. They can't be edited, only voided."""

from __future__ import annotations

from decimal import Decimal

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.errors import bad, not_found
from pipeline.sandbox.togai.listing import Listing, combinations
from pipeline.sandbox.togai.shapes import NewCredits, body_of
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json

LISTING = Listing(
    {"id": "id", "account_id": "accountId", "status": "status"},
    combinations("id", "account_id", "account_id+status"),
    context=False,
)


def create(state: State, request: Request) -> Reply:
    """A list of grants; one with an `idempotencyKey` that is known is not granted again."""
    made = []
    for grant in body_of(request, NewCredits)["creditRequests"]:
        account = state.account(grant["accountId"])
        amount = grant["creditAmount"]
        if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount <= 0:
            raise bad("creditAmount must be a number above zero")
        key = grant.get("idempotencyKey")
        known = next((c for c in state.credits.values() if key and c.get("idempotencyKey") == key), None)
        credit: Json = known or {
            **grant,
            "id": state.ids("cred"),
            "customerId": account["customerId"],
            "creditUnit": account["invoiceCurrency"],
            "holdAmount": 0,
            "consumedAmount": 0,
            "status": "ACTIVE",
            "createdAt": state.now(),
        }
        state.credits[credit["id"]] = credit
        request.applied("unchanged" if known else "created", "credits", credit["id"], key=key or "")
        made.append(credit)
    return Reply(200, {"credits": made})


def get(state: State, request: Request) -> Reply:
    return Reply(200, _get(state, request.params[0]))


def list_(state: State, request: Request) -> Reply:
    rows = list(reversed(state.credits.values()))
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


def void(state: State, request: Request) -> Reply:
    credit = _get(state, request.params[0])
    if credit["status"] != "ACTIVE":
        raise bad(f"Credit {credit['id']} is {credit['status']} and can't be voided")
    state.credits[credit["id"]] = {**credit, "status": "VOIDED", "updatedAt": state.now()}
    request.applied("voided", "credits", credit["id"])
    return Reply(200, {"success": True})


def _get(state: State, id_: str) -> Json:
    credit = state.credits.get(id_)
    if credit is None:
        raise not_found("Credit", id_)
    return credit


ROUTES = (
    Route("POST", "credits", "credits.create", create),
    Route("GET", "credits", "credits.list", list_),
    Route("GET", "credits/{}", "credits.get", get),
    Route("POST", "credits/{}/void", "credits.void", void),
)
