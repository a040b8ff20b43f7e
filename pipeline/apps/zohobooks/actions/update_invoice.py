"""A change of an invoice that is booked: a draft is brought up to date, what was sent is corrected or left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Superseded, Unchanged, View
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, older, read, settings_of
from pipeline.apps.zohobooks.actions.correction import MOST as CORRECTION
from pipeline.apps.zohobooks.actions.correction import correct
from pipeline.apps.zohobooks.actions.invoices import InvoiceInput, booked_body, upsert_request
from pipeline.apps.zohobooks.actions.target import Missing, Target, content, find, marked
from pipeline.apps.zohobooks.amounts import decimals_of, rounded, shown
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import document_currency, invoice_hash
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.ways import way_of
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused

EMPTY: Mapping[str, Any] = {"discount": 0, "adjustment": 0, "adjustment_description": ""}
"""Sent where the new document has none: what a PUT leaves out stays."""
CREDITED = "credited"


class UpdateInvoiceInput(InvoiceInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `InvoiceInput`; what to do where the invoice is no draft any more, is not booked, or was deleted by hand.

    `booked`: leave a document that was sent or paid to a person, or credit the difference by a credit note. `missing`:
    wait until it is booked, leave it be, or refuse. `removed`: refuse, or book it anew for `customer_id`.
    """

    booked: Literal["refuse", "credit_note"] = "refuse"
    missing: Missing = "park"
    removed: Literal["refuse", "recreate"] = "refuse"
    customer_id: str = ""


class UpdateInvoiceOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice as it is now; `credit_note_id` where the difference was credited."""

    invoice_id: str
    status: str
    total: str
    credit_note_id: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    settings: ZohoBooksSettings
    target: Target
    input: UpdateInvoiceInput
    body: dict[str, Any]
    currency: Mapping[str, Any]
    total: Decimal
    decimals: int
    keyed_notes: bool


class UpdateInvoice:
    """Bring a draft up to date with its source. A document that was sent or paid is never rewritten.

    Safe to repeat: the invoice is read first and written by its id, and writing the same lines twice gives the same
    invoice. A credit note goes under our unique field, so there is one for a change.
    """

    name: ClassVar[str] = "update_invoice"
    title: ClassVar[str] = "Update an invoice"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "Read first and written by its id; a credit note goes under our unique field."
    calls: ClassVar[str] = "2; 5 with a credit note; 0 where nothing changed"
    input: type[UpdateInvoiceInput] = UpdateInvoiceInput
    output: type[UpdateInvoiceOutput] = UpdateInvoiceOutput

    def plan(self, input: UpdateInvoiceInput, view: View) -> Plan:
        settings = settings_of(view)
        invoice = input.invoice
        target = find(view, INVOICE, "", input.source, input.missing)
        if not isinstance(target, Target):
            return target
        digest, mapped = invoice_hash(invoice), target.mapped
        decimals = decimals_of(invoice.currency, settings, view.profile)
        output = {"invoice_id": target.id, "status": "", "total": shown(rounded(invoice.total, decimals), decimals)}
        if mapped is not None and content(mapped.hash) == digest:
            return Unchanged(output, target.ref)
        if older(invoice.version, target.version):
            return Superseded(output, target.ref)
        if target.mark == CREDITED:
            return Refuse(
                f"invoice {invoice.id} was corrected by a credit note before and has changed again: a person decides",
                cause="conflict",
                code="credited",
            )
        body, booking, warnings = booked_body(input, view, settings, customer_id=input.customer_id, number="")
        way = way_of("invoice", settings, view.profile)
        if not way.field:
            del body["custom_fields"]
        change = _Change(
            settings,
            target,
            input,
            {**EMPTY, **body},
            document_currency(invoice.currency, view.profile),
            booking.total,
            decimals,
            way_of("credit_note", settings, view.profile).keyed,
        )
        return Call(
            "update",
            request(settings, "PUT", "invoices", target.id, body=change.body),
            most=2 + (CORRECTION if input.booked == "credit_note" else 0),
            source=input.source,
            hash=marked(digest, target.mark),
            version=invoice.version,
            state=change,
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        change: _Change = call.state
        try:
            held = await read(session, change.settings, INVOICE, change.target.id)
        except Refused as error:
            if error.cause != "not_found" or change.input.removed != "recreate":
                raise
            return await _again(call, change, session)
        status = text(held, "status")
        if status == "draft":
            body = {**change.body, "customer_id": text(held, "customer_id")}
            sent = request(change.settings, "PUT", "invoices", change.target.id, body=body)
            _, held = object_of(await session.send(sent), "invoice", "invoice_id")
            return _done("updated", call, held, call.hash)
        off = amount_of(held, "total") - change.total
        if status == "void":
            raise _left(change, "is void in Zoho Books and has changed since", "void")
        if change.input.booked == "refuse":
            raise _left(change, f"is {status} in Zoho Books and has changed since", "not_a_draft")
        if off <= 0:
            raise _left(change, f"is {status} in Zoho Books, and credits nothing: its total is not lower", "no_credit")
        if not change.keyed_notes:
            raise _left(change, f"needs the unique custom field {change.settings.credit_note_field}", "field_missing")
        key = f"{change.input.source.id}~{content(call.hash)}"
        note, held = await correct(session, change.settings, held, off, key)
        return _done("updated", call, held, marked(content(call.hash), CREDITED), note)


async def _again(call: Call, change: _Change, session: Session) -> Applied:
    """Book anew what was deleted by hand, as the option says."""
    if not change.input.customer_id:
        raise _left(change, "was deleted in Zoho Books, and no customer_id says for whom to book it anew", "customer")
    body = {**change.body, **change.currency}
    sent = upsert_request(change.settings, change.input.source.id, body, "")
    _, held = object_of(await session.send(sent), "invoice", "invoice_id")
    return _done("created", call, held, content(call.hash))


def _done(how: str, call: Call, held: Mapping[str, Any], digest: str, note: str = "") -> Applied:
    change: _Change = call.state
    ref = INVOICE.ref(text(held, "invoice_id"))
    before = change.target.ref
    output = {
        "invoice_id": ref.id,
        "status": text(held, "status"),
        "total": shown(amount_of(held, "total"), change.decimals),
        "credit_note_id": note,
    }
    pair = Pair(
        change.input.source,
        ref,
        digest,
        call.version,
        theirs=version_of(held),
        replaces=before if before != ref else None,
    )
    warnings = [*call.warnings, *([f"invoice {before.id} was deleted in Zoho Books"] if before != ref else [])]
    return Applied(how, output, ref, pair, warnings)


def _left(change: _Change, why: str, code: str) -> Refused:
    return Refused(
        f"invoice {change.input.invoice.number or change.input.invoice.id} {why}: a document that was sent is never "
        "rewritten. Correct it there, or set booked to credit_note for a lower total",
        cause="conflict",
        code=code,
    )
