"""Invoices: summaries in the list, the full tree by id, custom ones by POST, statuses by PATCH."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.documents import InvoiceSpec, changed, draft, generate, set_status, summary
from pipeline.sandbox.togai.errors import bad
from pipeline.sandbox.togai.listing import Listing, combinations
from pipeline.sandbox.togai.money import Card, Parts, Slab, grand_total, total
from pipeline.sandbox.togai.shapes import ChangedInvoice, NewInvoice, body_of
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json

LISTING = Listing(
    {
        "status": "status",
        "class": "invoiceClass",
        "owner_id": "ownerId",
        "invoice_date": "invoiceDate",
        "customer_id": "customerId",
        "price_plan_id": "pricePlanId",
        "start_date": "startDate",
        "end_date": "endDate",
    },
    combinations(
        "status",
        "class",
        "owner_id",
        "customer_id",
        "class+owner_id",
        "status+owner_id",
        "status+class",
        "status+class+owner_id",
        "status+invoice_date",
        "status+invoice_date+customer_id",
        "status+invoice_date+customer_id+owner_id",
        "class+invoice_date",
        "class+invoice_date+customer_id",
        "class+invoice_date+customer_id+owner_id",
        "owner_id+price_plan_id",
        "owner_id+price_plan_id+start_date",
        "owner_id+price_plan_id+start_date+end_date",
    ),
    context=False,
)


def get(state: State, request: Request) -> Reply:
    return Reply(200, state.invoice(request.params[0]))


def list_(state: State, request: Request) -> Reply:
    """Newest first; `start_time` and `end_time` narrow by invoice date, in epoch milliseconds."""
    rows = list(reversed(state.invoices.values()))
    for name, after in (("start_time", True), ("end_time", False)):
        if name in request.query:
            limit = _milliseconds(request.query[name])
            rows = [row for row in rows if (row["invoiceDate"] >= limit) == after]
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=summary)


def create(state: State, request: Request) -> Reply:
    """A custom invoice, as DRAFT, DUE or PAID; the same `idempotencyKey` gives the first one again."""
    body = body_of(request, NewInvoice)
    key = body.get("idempotencyKey")
    for invoice in state.invoices.values():
        if key and invoice["metadata"].get("idempotencyKey") == key:
            request.applied("unchanged", "invoices", invoice["id"], key=key)
            return Reply(201, invoice)
    if _moment(body["startDate"]).timestamp() > request.now:
        raise bad("A custom invoice can't be for a future date")
    spec = InvoiceSpec(
        account_id=body["accountId"],
        parts=_parts(body["lineItems"]),
        invoice_type="CUSTOM",
        start=_moment(body["startDate"]),
        end=_moment(body["endDate"]),
    )
    invoice = draft(state, spec)
    if key:
        state.invoices[invoice["id"]] = invoice | {"metadata": {"idempotencyKey": key}}
    if body["status"] != "DRAFT":
        invoice = generate(state, invoice["id"])
    if body["status"] == "PAID" and invoice["status"] != "PAID":
        invoice = set_status(state, invoice["id"], "PAID")
    request.applied("created", "invoices", invoice["id"], key=key or "")
    return Reply(201, invoice)


def update(state: State, request: Request) -> Reply:
    """A status by the table of transitions; lines only of a custom invoice that is still a draft."""
    id_ = request.params[0]
    invoice = state.invoice(id_)
    body = body_of(request, ChangedInvoice)
    others = set(body) - {"status"}
    if others:
        if invoice["invoiceType"] != "CUSTOM" or invoice["status"] != "DRAFT":
            raise bad(f"Only the status of invoice {id_} can be changed")
        if "lineItems" in body:
            currency = invoice["revenueInfo"]["units"]
            tree = grand_total([total(_parts(body["lineItems"]), currency)], currency)
            invoice = invoice | {
                "revenueInfo": tree,
                "totalAmount": tree["value"],
                "updatedAt": state.now(),
            }
            changed(state, invoice)
    status = body.get("status")
    if status is not None:
        invoice = set_status(state, id_, status)
    request.applied(status.lower() if status else "updated", "invoices", id_)
    return Reply(200, invoice)


def delete(state: State, request: Request) -> Reply:
    invoice = state.invoice(request.params[0])
    if invoice["invoiceType"] != "CUSTOM" or invoice["status"] != "DRAFT":
        raise bad("Only a custom invoice that is a draft can be deleted")
    del state.invoices[invoice["id"]]
    request.applied("deleted", "invoices", invoice["id"])
    return Reply(200, {"success": True})


def _parts(lines: list[Json]) -> Parts:
    cards = []
    for line in lines:
        description = str(line.get("description") or "Custom")
        if line.get("value") is not None:
            cards.append(Card(description=description, type="CUSTOM_AMOUNT", value=_number(line["value"])))
        else:
            slab = Slab(_number(line.get("quantity")), _number(line.get("valuePerQuantity")))
            cards.append(Card(description=description, type="CUSTOM_AMOUNT", slabs=(slab,)))
    return Parts(purchases=tuple(cards))


def _number(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise bad("A line needs a value, or a quantity and a valuePerQuantity") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad(f"Not a date: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _milliseconds(text: str) -> str:
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    except ValueError as error:
        raise bad("start_time and end_time are epoch milliseconds") from error


ROUTES = (
    Route("POST", "invoices", "invoices.create", create),
    Route("GET", "invoices", "invoices.list", list_),
    Route("GET", "invoices/{}", "invoices.get", get),
    Route("PATCH", "invoices/{}", "invoices.update", update),
    Route("DELETE", "invoices/{}", "invoices.delete", delete),
)
