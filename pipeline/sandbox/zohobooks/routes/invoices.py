"""Invoices: created as drafts, marked as sent, voided; lines are replaced whole."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks import shapes
from pipeline.sandbox.zohobooks.documents import customer_and_currency, day, lines_of, number_of, sums
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, WRONG_STATUS, bad
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import ZERO, decimal
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, match, same, uploaded, with_key

COPIED = (
    "reference_number",
    "discount",
    "discount_type",
    "is_discount_before_tax",
    "is_inclusive_tax",
    "adjustment",
    "adjustment_description",
    "shipping_charge",
    "notes",
    "terms",
    "payment_terms",
    "payment_terms_label",
    "place_of_supply",
    "gst_treatment",
)
LISTING = Listing(
    key="invoices",
    texts=("invoice_number", "reference_number", "customer_name"),
    exact=("customer_id", "total", "balance", "status"),
    dates=("date", "due_date"),
    sorts=("customer_name", "invoice_number", "date", "due_date", "total", "balance", "created_time"),
    since=True,
    omit=("line_items", "custom_fields", "notes", "terms", "documents"),
    statuses={
        "Status.Draft": ("draft",),
        "Status.Sent": ("sent", "overdue", "partially_paid"),
        "Status.OverDue": ("overdue",),
        "Status.PartiallyPaid": ("partially_paid",),
        "Status.Paid": ("paid",),
        "Status.Void": ("void",),
    },
)


def create(books: Books, request: Request) -> Reply:
    """Checked whole before anything is applied."""
    invoice = _create(books, request, body_of(request))
    return _reply(books, 201, "The invoice has been created.", invoice)


def upsert(books: Books, request: Request) -> Reply:
    body = body_of(request)
    shapes.check(body, shapes.INVOICE, "customer_id", "line_items")
    id_, value = match(books, books.invoices, request)
    if id_ is None:
        invoice = _create(books, request, with_key(books, body, request), key=value)
        return _reply(books, 200, "The invoice has been created.", invoice)
    return _update(books, request, id_, body, key=value)


def update(books: Books, request: Request) -> Reply:
    return _update(books, request, request.params[0], body_of(request))


def get(books: Books, request: Request) -> Reply:
    return _reply(books, 200, "success", books.invoices.get(request.params[0], "Invoice"))


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.invoices, request, lambda invoice: view(books, invoice))


def delete(books: Books, request: Request) -> Reply:
    invoice = books.invoices.get(request.params[0], "Invoice")
    if invoice["payment_made"] or invoice["credits_applied"]:
        raise bad(WRONG_STATUS, "An invoice with payments or credits can't be deleted.")
    books.invoices.delete(invoice["invoice_id"])
    request.applied("deleted", "invoices", invoice["invoice_id"])
    return Reply(200, {"code": 0, "message": "The invoice has been deleted."}, code=0)


def mark_sent(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "sent", refused_from=("void",))


def mark_void(books: Books, request: Request) -> Reply:
    invoice = books.invoices.get(request.params[0], "Invoice")
    _detach(books, invoice["invoice_id"])
    return _set_status(books, request, "void", refused_from=())


def mark_draft(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "draft", refused_from=("sent", "paid", "partially_paid"))


def write_off(books: Books, request: Request) -> Reply:
    """What is open is written off, and the invoice counts as paid."""
    invoice = books.invoices.get(request.params[0], "Invoice")
    if invoice["status"] in ("draft", "void") or not invoice["balance"]:
        raise bad(WRONG_STATUS, "Only an invoice that is sent and not paid can be written off.")
    written = invoice["balance"]
    after = invoice | {"write_off_amount": invoice["write_off_amount"] + written, "balance": ZERO, "status": "paid"}
    books.invoices.put(after | {"last_modified_time": books.timestamp()})
    request.applied("written_off", "invoices", invoice["invoice_id"], amount=written)
    return Reply(200, {"code": 0, "message": "Invoice has been written off."}, code=0)


def email(books: Books, request: Request) -> Reply:
    """Mails the invoice; a draft is sent with it. Each call is a mail: the ledger counts them."""
    invoice = books.invoices.get(request.params[0], "Invoice")
    body = body_of(request)
    shapes.check(body, shapes.EMAIL, "to_mail_ids")
    if invoice["status"] == "void":
        raise bad(WRONG_STATUS, "A void invoice can't be mailed.")
    status = "sent" if invoice["status"] == "draft" else invoice["status"]
    after = invoice | {"is_emailed": True, "status": status, "last_modified_time": books.timestamp()}
    books.invoices.put(after)
    request.applied("emailed", "invoices", invoice["invoice_id"], to=",".join(body["to_mail_ids"]))
    return Reply(200, {"code": 0, "message": "Your invoice has been sent."}, code=0)


def attach(books: Books, request: Request) -> Reply:
    """A form with one file, ``attachment``; several files of one name are several files."""
    invoice = books.invoices.get(request.params[0], "Invoice")
    name, size = uploaded(request)
    document = {"document_id": books.ids(), "file_name": name, "file_size": size}
    after = invoice | {"documents": [*invoice["documents"], document], "attachment_name": name}
    books.invoices.put(after | {"last_modified_time": books.timestamp()})
    request.applied("attached", "invoices", invoice["invoice_id"], file_name=name, size=size)
    return Reply(200, {"code": 0, "message": "Your file has been successfully attached."}, code=0)


def view(books: Books, invoice: Json) -> Json:
    """The invoice as it shows today: what was sent and not paid in time is overdue."""
    if invoice["status"] == "sent" and invoice["due_date"] < books.today().isoformat():
        return {**invoice, "status": "overdue"}
    return invoice


def settle(books: Books, id_: str, *, paid: Decimal = ZERO, credited: Decimal = ZERO) -> Json:
    """Book `paid` or `credited` (negative to take back) against an invoice; gives the invoice afterwards."""
    before = books.invoices.get(id_, "Invoice")
    after = dict(before)
    after["payment_made"] = before["payment_made"] + paid
    after["credits_applied"] = before["credits_applied"] + credited
    after["balance"] = _balance(after)
    if after["balance"] < 0:
        raise bad(BAD_VALUE, "The amount applied is more than the balance of the invoice")
    if after["status"] != "void":
        settled = after["payment_made"] + after["credits_applied"]
        partly = "partially_paid" if settled else ("draft" if before["status"] == "draft" else "sent")
        after["status"] = "paid" if settled and not after["balance"] else partly
    after["last_modified_time"] = books.timestamp()
    books.invoices.put(after)
    return after


def _create(books: Books, request: Request, body: Json, *, key: str = "") -> Json:
    now = books.timestamp()
    invoice: Json = {
        "invoice_id": books.ids(),
        "invoice_number": "",
        "status": "draft",
        **dict.fromkeys(COPIED, ""),
        "discount": 0,
        "discount_type": "entity_level",
        "is_discount_before_tax": True,
        "is_inclusive_tax": False,
        "payment_made": ZERO,
        "credits_applied": ZERO,
        "write_off_amount": ZERO,
        "is_emailed": False,
        "attachment_name": "",
        "documents": [],
        "custom_fields": [],
        "line_items": [],
        "created_time": now,
        "last_modified_time": now,
    }
    shapes.check(body, shapes.INVOICE, "customer_id", "line_items")
    invoice |= customer_and_currency(books, body)
    _fill(books, invoice, body)
    invoice["invoice_number"] = number_of(books, books.invoices, body, "invoice_number", "INV", ours=_ours(request))
    books.invoices.put(invoice)
    request.applied("created", "invoices", invoice["invoice_id"], key=key, **_shown(invoice))
    return invoice


def _update(books: Books, request: Request, id_: str, body: Json, *, key: str = "") -> Reply:
    before = books.invoices.get(id_, "Invoice")
    shapes.check(body, shapes.INVOICE)
    if before["status"] == "void":
        raise bad(WRONG_STATUS, "A void invoice can't be edited.")
    after = dict(before)
    if "customer_id" in body or books.currency(body) is not None:
        after |= customer_and_currency(books, {"customer_id": before["customer_id"], **body})
    _fill(books, after, body, before)
    after["invoice_number"] = number_of(
        books,
        books.invoices,
        body,
        "invoice_number",
        "INV",
        ours=_ours(request),
        current=before["invoice_number"],
    )
    if after["balance"] < 0:
        raise bad(BAD_VALUE, "The total is less than what was paid already")
    unchanged = same(before, after)
    after["last_modified_time"] = books.timestamp()
    books.invoices.put(after)
    request.applied("unchanged" if unchanged else "updated", "invoices", id_, key=key, **_shown(after))
    return _reply(books, 200, "Invoice information has been updated.", after)


def _fill(books: Books, invoice: Json, body: Json, before: Json | None = None) -> None:
    """Put the body's fields into `invoice` and compute it anew. Raises Refusal; `invoice` is then of no use."""
    for name in COPIED:
        if name in body:
            invoice[name] = body[name]
    if before is None or "date" in body:
        invoice["date"] = day(books, body.get("date"), "date")
    if before is None or "due_date" in body or "date" in body:
        invoice["due_date"] = _due(books, invoice, body)
    if before is None or "line_items" in body:
        old_lines = before["line_items"] if before else []
        invoice["line_items"] = lines_of(books, {**invoice, **body}, invoice["price_precision"], old_lines)
    if "custom_fields" in body:
        invoice["custom_fields"] = books.invoices.fields.read(body["custom_fields"], invoice["invoice_id"])
    invoice |= sums(books, invoice)
    invoice["balance"] = _balance(invoice)


def _balance(invoice: Json) -> Decimal:
    settled = invoice["payment_made"] + invoice["credits_applied"] + invoice["write_off_amount"]
    balance: Decimal = invoice["total"] - settled
    return balance


def _due(books: Books, invoice: Json, body: Json) -> str:
    if body.get("due_date"):
        due = day(books, body["due_date"], "due_date")
        if due < invoice["date"]:
            raise bad(BAD_VALUE, "The due date is before the date of the invoice")
        return due
    terms = int(decimal(invoice["payment_terms"] or 0, "payment_terms"))
    return (date.fromisoformat(invoice["date"]) + timedelta(days=max(0, terms))).isoformat()


def _detach(books: Books, id_: str) -> None:
    """Voiding takes payments and credits off the invoice; they stay with the customer."""
    for module, parts, amount, left in (
        (books.customerpayments, "invoices", "amount_applied", "unused_amount"),
        (books.creditnotes, "invoices_credited", "amount_credited", "balance"),
    ):
        for record in list(module):
            given = [item[amount] for item in record[parts] if item["invoice_id"] == id_]
            if given:
                kept = [item for item in record[parts] if item["invoice_id"] != id_]
                freed = {parts: kept, left: record[left] + sum(given, ZERO), "last_modified_time": books.timestamp()}
                status = {"status": "open"} if record["status"] == "closed" else {}
                module.put({**record, **freed, **status})
    invoice = books.invoices.get(id_, "Invoice")
    if invoice["payment_made"] or invoice["credits_applied"]:
        settle(books, id_, paid=-invoice["payment_made"], credited=-invoice["credits_applied"])


def _set_status(books: Books, request: Request, status: str, *, refused_from: tuple[str, ...]) -> Reply:
    invoice = books.invoices.get(request.params[0], "Invoice")
    if invoice["status"] in refused_from:
        raise bad(WRONG_STATUS, f"An invoice that is {invoice['status']} can't be marked as {status}.")
    keeps = status == "sent" and invoice["status"] in ("paid", "partially_paid")
    changed = invoice["status"] != status and not keeps
    if changed:
        balance = ZERO if status == "void" else invoice["total"]
        after = {**invoice, "status": status, "balance": balance}
        if status == "void":
            after["write_off_amount"] = ZERO
        books.invoices.put(after | {"last_modified_time": books.timestamp()})
    request.applied(status if changed else "unchanged", "invoices", invoice["invoice_id"])
    return Reply(200, {"code": 0, "message": f"Invoice status has been changed to {status.title()}."}, code=0)


def _ours(request: Request) -> bool:
    return request.query.get("ignore_auto_number_generation", "").lower() == "true"


def _shown(invoice: Json) -> Json:
    shown = ("invoice_number", "reference_number", "customer_id", "currency_code", "total")
    return {name: invoice[name] for name in shown}


def _reply(books: Books, status: int, message: str, invoice: Json) -> Reply:
    return Reply(status, {"code": 0, "message": message, "invoice": view(books, invoice)}, code=0)


ROUTES = (
    Route("POST", "invoices", "invoices.create", create, "invoices.CREATE"),
    Route("PUT", "invoices", "invoices.upsert", upsert, "invoices.UPDATE"),
    Route("GET", "invoices", "invoices.list", list_, "invoices.READ"),
    Route("GET", "invoices/{}", "invoices.get", get, "invoices.READ"),
    Route("PUT", "invoices/{}", "invoices.update", update, "invoices.UPDATE"),
    Route("DELETE", "invoices/{}", "invoices.delete", delete, "invoices.DELETE"),
    Route("POST", "invoices/{}/status/sent", "invoices.sent", mark_sent, "invoices.CREATE"),
    Route("POST", "invoices/{}/status/void", "invoices.void", mark_void, "invoices.CREATE"),
    Route("POST", "invoices/{}/writeoff", "invoices.writeoff", write_off, "invoices.CREATE"),
    Route("POST", "invoices/{}/email", "invoices.email", email, "invoices.CREATE"),
    Route("POST", "invoices/{}/attachment", "invoices.attach", attach, "invoices.CREATE"),
    Route("POST", "invoices/{}/status/draft", "invoices.draft", mark_draft, "invoices.CREATE"),
)
