"""Credit notes, basic: create, open, void, apply to invoices."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.documents import customer_and_currency, day, lines_of, number_of, sums
from pipeline.sandbox.zohobooks.errors import WRONG_STATUS, bad, check_lengths
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import ZERO
from pipeline.sandbox.zohobooks.routes.customerpayments import applications
from pipeline.sandbox.zohobooks.routes.invoices import settle
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, match, with_key

LISTING = Listing(
    key="creditnotes",
    texts=("creditnote_number", "reference_number", "customer_name"),
    exact=("customer_id", "total", "balance", "status"),
    dates=("date",),
    sorts=("date", "total", "customer_name", "created_time"),
)


def create(books: Books, request: Request) -> Reply:
    return _reply(201, "Credit note has been created.", _create(books, request, body_of(request)))


def upsert(books: Books, request: Request) -> Reply:
    """A match is given back as it is: the twin does not edit credit notes."""
    body = body_of(request)
    id_, value = match(books, books.creditnotes, request)
    if id_ is None:
        note = _create(books, request, with_key(books, body, request), key=value)
        return _reply(200, "Credit note has been created.", note)
    request.applied("unchanged", "creditnotes", id_, key=value)
    return _reply(200, "Credit note has been updated.", books.creditnotes.get(id_, "Credit note"))


def get(books: Books, request: Request) -> Reply:
    return _reply(200, "success", books.creditnotes.get(request.params[0], "Credit note"))


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.creditnotes, request, lambda note: note)


def mark_open(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "open")


def mark_void(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "void")


def apply(books: Books, request: Request) -> Reply:
    """``POST /creditnotes/{id}/invoices``: what is applied leaves the note's balance."""
    note = books.creditnotes.get(request.params[0], "Credit note")
    if note["status"] not in ("open", "draft"):
        raise bad(WRONG_STATUS, f"A credit note that is {note['status']} can't be applied.")
    parts = applications(books, body_of(request), note["customer_id"], note["balance"])
    for id_, part in parts:
        settle(books, id_, credited=part)
    balance = note["balance"] - sum((part for _, part in parts), ZERO)
    applied = [{"invoice_id": id_, "amount_applied": part} for id_, part in parts]
    after = note | {
        "balance": balance,
        "invoices": note["invoices"] + applied,
        "status": "open" if balance else "closed",
    }
    books.creditnotes.put(after)
    request.applied("applied", "creditnotes", note["creditnote_id"])
    return Reply(200, {"code": 0, "message": "Credits have been applied.", "apply_to_invoices": applied}, code=0)


def _create(books: Books, request: Request, body: Json, *, key: str = "") -> Json:
    check_lengths(body, {"reference_number": 50})
    owner = customer_and_currency(books, body)
    ours = request.query.get("ignore_auto_number_generation", "").lower() == "true"
    now, id_ = books.timestamp(), books.ids()
    note: Json = {
        "creditnote_id": id_,
        **owner,
        "status": "draft" if body.get("is_draft") else "open",
        "date": day(books, body.get("date"), "date"),
        "reference_number": str(body.get("reference_number") or ""),
        "notes": str(body.get("notes") or ""),
        "line_items": lines_of(books, body, owner["price_precision"], []),
        "adjustment": body.get("adjustment") or 0,
        "invoices": [],
        "custom_fields": books.creditnotes.fields.read(body.get("custom_fields", []), id_),
        "creditnote_number": number_of(books, books.creditnotes, body, "creditnote_number", "CN", ours=ours),
        "created_time": now,
        "last_modified_time": now,
    }
    note |= sums(books, note)
    note["balance"] = note["total"]
    books.creditnotes.put(note)
    request.applied("created", "creditnotes", id_, key=key, total=note["total"])
    return note


def _set_status(books: Books, request: Request, status: str) -> Reply:
    note = books.creditnotes.get(request.params[0], "Credit note")
    if note["status"] == "closed":
        raise bad(WRONG_STATUS, "A closed credit note can't be changed.")
    changed = note["status"] != status
    books.creditnotes.put({**note, "status": status})
    request.applied(status if changed else "unchanged", "creditnotes", note["creditnote_id"])
    return Reply(200, {"code": 0, "message": f"The status has been changed to {status}."}, code=0)


def _reply(status: int, message: str, note: Json) -> Reply:
    return Reply(status, {"code": 0, "message": message, "creditnote": note}, code=0)


ROUTES = (
    Route("POST", "creditnotes", "creditnotes.create", create, "creditnotes.CREATE"),
    Route("PUT", "creditnotes", "creditnotes.upsert", upsert, "creditnotes.UPDATE"),
    Route("GET", "creditnotes", "creditnotes.list", list_, "creditnotes.READ"),
    Route("GET", "creditnotes/{}", "creditnotes.get", get, "creditnotes.READ"),
    Route("POST", "creditnotes/{}/status/open", "creditnotes.open", mark_open, "creditnotes.CREATE"),
    Route("POST", "creditnotes/{}/status/void", "creditnotes.void", mark_void, "creditnotes.CREATE"),
    Route("POST", "creditnotes/{}/invoices", "creditnotes.apply", apply, "creditnotes.CREATE"),
)
