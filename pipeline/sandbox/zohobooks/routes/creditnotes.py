"""Credit notes: open or draft at first, applied to invoices, refunded, closed when nothing is left, void if unused."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks import shapes
from pipeline.sandbox.zohobooks.documents import customer_and_currency, day, lines_of, number_of, positive, sums
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, WRONG_STATUS, bad
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import ZERO
from pipeline.sandbox.zohobooks.routes.customerpayments import MODES, applications
from pipeline.sandbox.zohobooks.routes.invoices import settle
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, match, with_key

LISTING = Listing(
    key="creditnotes",
    texts=("creditnote_number", "reference_number", "customer_name"),
    exact=("customer_id", "total", "balance", "status"),
    dates=("date",),
    sorts=("date", "total", "customer_name", "created_time", "last_modified_time"),
    omit=("line_items", "custom_fields", "notes", "invoices_credited", "creditnote_refunds"),
    since=True,
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
    shapes.check(body, shapes.CREDIT_NOTE, "customer_id", "date", "line_items")
    request.applied("unchanged", "creditnotes", id_, key=value)
    return _reply(200, "Credit note has been updated.", books.creditnotes.get(id_, "Credit note"))


def get(books: Books, request: Request) -> Reply:
    return _reply(200, "success", books.creditnotes.get(request.params[0], "Credit note"))


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.creditnotes, request, lambda note: note)


def delete(books: Books, request: Request) -> Reply:
    note = books.creditnotes.get(request.params[0], "Credit note")
    _check_unused(note, "deleted")
    books.creditnotes.delete(note["creditnote_id"])
    request.applied("deleted", "creditnotes", note["creditnote_id"])
    return Reply(200, {"code": 0, "message": "The credit note has been deleted."}, code=0)


def mark_open(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "open")


def mark_void(books: Books, request: Request) -> Reply:
    _check_unused(books.creditnotes.get(request.params[0], "Credit note"), "made void")
    return _set_status(books, request, "void")


def apply(books: Books, request: Request) -> Reply:
    """``POST /creditnotes/{id}/invoices``: what is applied leaves the note's balance. Each call applies anew."""
    note = books.creditnotes.get(request.params[0], "Credit note")
    body = body_of(request)
    shapes.check(body, shapes.APPLICATION, "invoices")
    if note["status"] not in ("open", "draft"):
        raise bad(WRONG_STATUS, f"A credit note that is {note['status']} can't be applied.")
    parts = applications(books, body, note["customer_id"], note["balance"])
    applied = []
    for id_, part in parts:
        invoice = settle(books, id_, credited=part)
        applied.append(
            {
                "creditnotes_invoice_id": books.ids(),
                "invoice_id": id_,
                "invoice_number": invoice["invoice_number"],
                "amount_credited": part,
            }
        )
    left = note["balance"] - sum((part for _, part in parts), ZERO)
    after = _with_balance(books, note, left) | {"invoices_credited": note["invoices_credited"] + applied}
    books.creditnotes.put(after)
    request.applied("applied", "creditnotes", note["creditnote_id"], amount=note["balance"] - left)
    rows = [{"invoice_id": id_, "amount_applied": part} for id_, part in parts]
    return Reply(200, {"code": 0, "message": "Credits have been applied.", "apply_to_invoices": rows}, code=0)


def refund(books: Books, request: Request) -> Reply:
    """Each call pays anew: the ledger counts them."""
    note = books.creditnotes.get(request.params[0], "Credit note")
    body = body_of(request)
    shapes.check(body, shapes.REFUND, "date", "amount")
    if body.get("refund_mode", "others") not in MODES:
        raise bad(BAD_VALUE, "Invalid value passed for refund_mode")
    amount = positive(body["amount"], "amount")
    if note["status"] != "open" or amount > note["balance"]:
        raise bad(WRONG_STATUS, "The refund is more than what is left of the credit note.")
    made = {
        "creditnote_refund_id": books.ids(),
        "creditnote_id": note["creditnote_id"],
        "date": day(books, body["date"], "date"),
        "refund_mode": body.get("refund_mode", "others"),
        "reference_number": str(body.get("reference_number") or ""),
        "amount": amount,
        "description": str(body.get("description") or ""),
    }
    after = _with_balance(books, note, note["balance"] - amount)
    books.creditnotes.put(after | {"creditnote_refunds": [*note["creditnote_refunds"], made]})
    request.applied("refunded", "creditnotes", note["creditnote_id"], amount=amount)
    return Reply(200, {"code": 0, "message": "The refund has been saved.", "creditnote_refund": made}, code=0)


def refunds(books: Books, request: Request) -> Reply:
    note = books.creditnotes.get(request.params[0], "Credit note")
    rows = note["creditnote_refunds"]
    context = {"page": 1, "per_page": 200, "has_more_page": False}
    answer = {"code": 0, "message": "success", "creditnote_refunds": rows, "page_context": context}
    return Reply(200, answer, code=0)


def _create(books: Books, request: Request, body: Json, *, key: str = "") -> Json:
    shapes.check(body, shapes.CREDIT_NOTE, "customer_id", "date", "line_items")
    owner = customer_and_currency(books, body)
    ours = request.query.get("ignore_auto_number_generation", "").lower() == "true"
    now, id_ = books.timestamp(), books.ids()
    copied = ("discount", "discount_type", "is_discount_before_tax", "adjustment", "adjustment_description")
    note: Json = {
        "creditnote_id": id_,
        **owner,
        "status": "draft" if body.get("is_draft") else "open",
        "date": day(books, body.get("date"), "date"),
        "reference_number": str(body.get("reference_number") or ""),
        "notes": str(body.get("notes") or ""),
        "line_items": lines_of(books, body, owner["price_precision"], []),
        "adjustment": 0,
        **{name: body[name] for name in copied if name in body},
        "invoices_credited": [],
        "creditnote_refunds": [],
        "custom_fields": books.creditnotes.fields.read(body.get("custom_fields", []), id_),
        "creditnote_number": number_of(books, books.creditnotes, body, "creditnote_number", "CN", ours=ours),
        "created_time": now,
        "last_modified_time": now,
    }
    note |= sums(books, note)
    if not note["total"]:
        raise bad(MISSING, "A credit note over nothing")
    note["balance"] = note["total"]
    books.creditnotes.put(note)
    request.applied("created", "creditnotes", id_, key=key, total=note["total"])
    return note


def _with_balance(books: Books, note: Json, balance: object) -> Json:
    """The note with this much left of it; with nothing it is closed."""
    status = "open" if balance else "closed"
    return {**note, "balance": balance, "status": status, "last_modified_time": books.timestamp()}


def _check_unused(note: Json, what: str) -> None:
    if note["invoices_credited"] or note["creditnote_refunds"]:
        raise bad(WRONG_STATUS, f"A credit note that was applied or refunded can't be {what}.")


def _set_status(books: Books, request: Request, status: str) -> Reply:
    note = books.creditnotes.get(request.params[0], "Credit note")
    if note["status"] == "closed":
        raise bad(WRONG_STATUS, "A closed credit note can't be changed.")
    changed = note["status"] != status
    if changed:
        balance = ZERO if status == "void" else note["total"]
        after = {**note, "status": status, "balance": balance, "last_modified_time": books.timestamp()}
        books.creditnotes.put(after)
    request.applied(status if changed else "unchanged", "creditnotes", note["creditnote_id"])
    return Reply(200, {"code": 0, "message": f"The status has been changed to {status}."}, code=0)


def _reply(status: int, message: str, note: Json) -> Reply:
    return Reply(status, {"code": 0, "message": message, "creditnote": note}, code=0)


ROUTES = (
    Route("POST", "creditnotes", "creditnotes.create", create, "creditnotes.CREATE"),
    Route("PUT", "creditnotes", "creditnotes.upsert", upsert, "creditnotes.UPDATE"),
    Route("GET", "creditnotes", "creditnotes.list", list_, "creditnotes.READ"),
    Route("GET", "creditnotes/{}", "creditnotes.get", get, "creditnotes.READ"),
    Route("DELETE", "creditnotes/{}", "creditnotes.delete", delete, "creditnotes.DELETE"),
    Route("POST", "creditnotes/{}/status/open", "creditnotes.open", mark_open, "creditnotes.CREATE"),
    Route("POST", "creditnotes/{}/status/void", "creditnotes.void", mark_void, "creditnotes.CREATE"),
    Route("POST", "creditnotes/{}/invoices", "creditnotes.apply", apply, "creditnotes.CREATE"),
    Route("GET", "creditnotes/{}/refunds", "creditnotes.refunds", refunds, "creditnotes.READ"),
    Route("POST", "creditnotes/{}/refunds", "creditnotes.refund", refund, "creditnotes.CREATE"),
)
