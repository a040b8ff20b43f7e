"""Customer payments, applied to invoices. The answer's key is ``payment``."""

from __future__ import annotations

from decimal import Decimal

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks import shapes
from pipeline.sandbox.zohobooks.documents import customer_and_currency, day, positive
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, bad
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import ZERO
from pipeline.sandbox.zohobooks.routes.invoices import settle
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, match, same, with_key

MODES = frozenset({"check", "cash", "creditcard", "banktransfer", "bankremittance", "autotransaction", "others"})
LISTING = Listing(
    key="customerpayments",
    texts=("reference_number", "customer_name", "notes"),
    exact=("customer_id", "amount", "payment_mode"),
    dates=("date",),
    sorts=("date", "amount", "customer_name", "created_time"),
    omit=("custom_fields", "invoices"),
)


def create(books: Books, request: Request) -> Reply:
    return _reply(201, "The payment has been created.", _create(books, request, body_of(request)))


def upsert(books: Books, request: Request) -> Reply:
    """A match keeps its amounts and invoices; only reference, description and mode are updated."""
    body = body_of(request)
    id_, value = match(books, books.customerpayments, request)
    if id_ is None:
        payment = _create(books, request, with_key(books, body, request), key=value)
        return _reply(200, "The payment has been created.", payment)
    shapes.check(body, shapes.PAYMENT, "customer_id", "payment_mode", "amount")
    before = books.customerpayments.get(id_, "Payment")
    if "amount" in body and positive(body["amount"], "amount") != before["amount"]:
        raise bad(BAD_VALUE, "The twin does not change the amount of a payment")
    after = before | {name: body[name] for name in ("reference_number", "description") if name in body}
    unchanged = same(before, after)
    after["last_modified_time"] = books.timestamp()
    books.customerpayments.put(after)
    request.applied("unchanged" if unchanged else "updated", "customerpayments", id_, key=value)
    return _reply(200, "The payment has been updated.", after)


def get(books: Books, request: Request) -> Reply:
    return _reply(200, "success", books.customerpayments.get(request.params[0], "Payment"))


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.customerpayments, request, lambda payment: payment)


def delete(books: Books, request: Request) -> Reply:
    """The invoices get their balance back."""
    payment = books.customerpayments.get(request.params[0], "Payment")
    for item in payment["invoices"]:
        settle(books, item["invoice_id"], paid=-item["amount_applied"])
    books.customerpayments.delete(payment["payment_id"])
    request.applied("deleted", "customerpayments", payment["payment_id"])
    return Reply(200, {"code": 0, "message": "The payment has been deleted."}, code=0)


def _create(books: Books, request: Request, body: Json, *, key: str = "") -> Json:
    shapes.check(body, shapes.PAYMENT, "customer_id", "payment_mode", "amount", "date")
    if not isinstance(body.get("invoices"), list):
        raise bad(MISSING, "Please enter a valid value for invoices")
    owner = customer_and_currency(books, body)
    if body["payment_mode"] not in MODES:
        raise bad(BAD_VALUE, "Invalid value passed for payment_mode")
    amount = positive(body.get("amount"), "amount")
    applied = applications(books, body, owner["customer_id"], amount)
    payment_id = books.ids()
    fields = books.customerpayments.fields.read(body.get("custom_fields", []), payment_id)
    invoices = [
        {
            "invoice_id": id_,
            "invoice_number": books.invoices.get(id_, "Invoice")["invoice_number"],
            "amount_applied": part,
            "balance_amount": settle(books, id_, paid=part)["balance"],
        }
        for id_, part in applied
    ]
    now = books.timestamp()
    payment: Json = {
        "payment_id": payment_id,
        "payment_number": books.number("PMT"),
        **owner,
        "payment_mode": body["payment_mode"],
        "amount": amount,
        "unused_amount": amount - sum((part for _, part in applied), ZERO),
        "date": day(books, body.get("date"), "date"),
        "reference_number": str(body.get("reference_number") or ""),
        "description": str(body.get("description") or ""),
        "status": "success",
        "invoices": invoices,
        "custom_fields": fields,
        "created_time": now,
        "last_modified_time": now,
    }
    books.customerpayments.put(payment)
    request.applied("created", "customerpayments", payment_id, key=key, amount=amount)
    return payment


def applications(books: Books, body: Json, customer_id: str, amount: Decimal) -> list[tuple[str, Decimal]]:
    """The body's `invoices` as (id, amount), checked against owner, balance and the amount there is."""
    parts: dict[str, Decimal] = {}
    for item in body.get("invoices") or []:
        invoice = books.invoices.get(str(item.get("invoice_id")), "Invoice")
        if invoice["customer_id"] != customer_id:
            raise bad(BAD_VALUE, "The invoice belongs to another customer")
        id_ = invoice["invoice_id"]
        parts[id_] = parts.get(id_, ZERO) + positive(item.get("amount_applied"), "amount_applied")
        if invoice["status"] == "void" or parts[id_] > invoice["balance"]:
            raise bad(BAD_VALUE, "The amount applied is more than the balance of the invoice")
    if sum(parts.values(), ZERO) > amount:
        raise bad(BAD_VALUE, "More is applied to invoices than the amount")
    return list(parts.items())


def _reply(status: int, message: str, payment: Json) -> Reply:
    return Reply(status, {"code": 0, "message": message, "payment": payment}, code=0)


ROUTES = (
    Route("POST", "customerpayments", "customerpayments.create", create, "customerpayments.CREATE"),
    Route("PUT", "customerpayments", "customerpayments.upsert", upsert, "customerpayments.UPDATE"),
    Route("GET", "customerpayments", "customerpayments.list", list_, "customerpayments.READ"),
    Route("GET", "customerpayments/{}", "customerpayments.get", get, "customerpayments.READ"),
    Route("DELETE", "customerpayments/{}", "customerpayments.delete", delete, "customerpayments.DELETE"),
)
