"""Invoices: book a neutral invoice once, as a draft, by our unique field or else `by_number`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Mapped, Pair, Plan, Refuse, Request, Session, Superseded, Unchanged, View
from pipeline.apps.zohobooks.actions.by_number import MOST, OURS, Numbered, hold, own_number, own_reference
from pipeline.apps.zohobooks.actions.common import invoice_ref, object_of, older, settings_of
from pipeline.apps.zohobooks.actions.target import content
from pipeline.apps.zohobooks.amounts import decimals_of, rounded, shown
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import (
    document_currency,
    invoice_body,
    invoice_hash,
    period_text,
    time_zone,
)
from pipeline.apps.zohobooks.lines import (
    Booking,
    CreditMode,
    LineMode,
    LineOptions,
    TaxMode,
    UnknownLines,
    book,
)
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.ways import way_of
from pipeline.apps.zohobooks.wire import keyed, request, text
from pipeline.errors import Refused
from pipeline.schemas.documents import Invoice
from pipeline.schemas.records import ObjectRef


class InvoiceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice` is what to book, `source` the object it is mapped to.

    `line_mode`: a line for each charge, for each slab, or a single one. `tax_mode`: taxes as lines, or within the
    adjustment. `credit_mode`: what is below zero goes into the adjustment, or is a discount before tax.
    `unknown_lines`: book lines of unknown type as they are, or refuse. `tolerance`: by how much the lines may miss the
    total (default: the currency's smallest unit). `number`: the source's number, or Zoho's next. `reference`: text up
    to 50 characters (default: the source's id). Without the unique field an invoice always has a number of ours.
    """

    invoice: Invoice
    source: ObjectRef
    line_mode: LineMode = "rate_card"
    tax_mode: TaxMode = "line"
    credit_mode: CreditMode = "adjustment"
    unknown_lines: UnknownLines = "line"
    tolerance: Decimal | None = None
    number: Literal["sequence", "auto"] = "sequence"
    reference: str = ""

    def line_options(self) -> LineOptions:
        return LineOptions(self.line_mode, self.tax_mode, self.credit_mode, self.unknown_lines, self.tolerance)


class CreateInvoiceInput(InvoiceInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `InvoiceInput`; `customer_id` is Zoho's id of the customer it is for."""

    customer_id: str


class CreateInvoiceOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice that is there now. Amounts are decimal text; `difference` is there where Zoho's total is another."""

    invoice_id: str
    invoice_number: str
    total: str
    status: str
    difference: str | None = None


@dataclass(frozen=True, slots=True)
class _Booked:
    """What the answer is compared with; `numbered` where the invoice has to be looked up first."""

    total: Decimal
    currency: str
    decimals: int
    numbered: Numbered | None = None


def booked_body(
    input: InvoiceInput,
    view: View,
    settings: ZohoBooksSettings,
    *,
    customer_id: str,
    number: str,
    looked_up: bool = False,
) -> tuple[dict[str, Any], Booking, list[str]]:
    """The request's body without its currency, the money in it, and warnings. Raises `Refused`.

    `looked_up`: the reference has to tell the invoice from every other.
    """
    invoice = input.invoice
    zone = time_zone(view.profile)
    decimals = decimals_of(invoice.currency, settings, view.profile)
    booking = book(invoice, decimals, input.line_options(), period_text(invoice, zone))
    reference = input.reference or invoice.id
    body, warnings = invoice_body(
        invoice,
        booking,
        key=input.source.id,
        customer_id=customer_id,
        number=number,
        reference=own_reference(reference) if looked_up else reference,
        settings=settings,
        zone=zone,
    )
    return body, booking, warnings


class CreateInvoice:
    """Book an invoice. One that is mapped is never written again: a person may have edited, sent or settled it.

    Safe to repeat: Zoho takes one invoice under our unique field, and a second call under it finds the first.
    """

    name: ClassVar[str] = "create_invoice"
    title: ClassVar[str] = "Create an invoice"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Zoho takes one invoice under our unique field; without it, one under our number."
    calls: ClassVar[str] = "1; 0 where it is mapped; without the unique field 2 or more"
    input: type[CreateInvoiceInput] = CreateInvoiceInput
    output: type[CreateInvoiceOutput] = CreateInvoiceOutput

    def plan(self, input: CreateInvoiceInput, view: View) -> Plan:
        settings = settings_of(view)
        invoice = input.invoice
        digest = invoice_hash(invoice)
        decimals = decimals_of(invoice.currency, settings, view.profile)
        way = way_of("invoice", settings, view.profile)
        number = invoice.number if input.number == "sequence" else ""
        if not way.keyed:
            number = own_number(number, input.source.id)
        mapped = view.mapped(input.source)
        if mapped is not None:
            return _known(invoice, number, mapped, digest, decimals)
        if not input.customer_id:
            return Refuse("no customer_id: let a step before this one give the customer", code="customer")
        if not invoice.currency:
            return Refuse(f"invoice {invoice.id} names no currency", cause="currency")
        body, booking, warnings = booked_body(
            input, view, settings, customer_id=input.customer_id, number=number, looked_up=not way.keyed
        )
        if not way.field:
            del body["custom_fields"]
        body |= document_currency(invoice.currency, view.profile)
        numbered = None if way.keyed else Numbered(settings, body, input.source.id, booking.total)
        return Call(
            "create",
            numbered.create() if numbered else upsert_request(settings, input.source.id, body, number),
            most=MOST if numbered else 1,
            source=input.source,
            hash=digest,
            version=invoice.version,
            state=_Booked(booking.total, invoice.currency, decimals, numbered),
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        booked: _Booked = call.state
        done, settled = "created", ""
        if booked.numbered:
            held = await hold(session, booked.numbered)
            id_, record = text(held.invoice, "invoice_id"), held.invoice
            if held.how != "created":
                done, settled = ("updated" if held.how == "updated" else "created"), "lookup"
        else:
            id_, record = object_of(await session.send(call.request), "invoice", "invoice_id")
        currency = text(record, "currency_code")
        if currency and currency != booked.currency:
            raise Refused(
                f"Zoho Books holds invoice {id_} as a draft in {currency}, the customer's currency, not in "
                f"{booked.currency}: delete the draft, and give the party a customer in {booked.currency}",
                cause="currency",
            )
        output: dict[str, Any] = {
            "invoice_id": id_,
            "invoice_number": text(record, "invoice_number"),
            "total": shown(booked.total, booked.decimals),
            "status": text(record, "status"),
        }
        warnings = [*call.warnings, *_compare(record, booked, output)]
        if output["status"] == "void":
            warnings.append(f"invoice {id_} was made void in Zoho Books")
        pair = None
        if call.source:
            pair = Pair(call.source, invoice_ref(id_), call.hash, call.version, theirs=version_of(record))
        return Applied(done, output, invoice_ref(id_), pair, warnings, settled=settled)


def upsert_request(settings: ZohoBooksSettings, key: str, body: dict[str, Any], number: str) -> Request:
    """Under our unique field; with the flag in the query that Zoho wants for a number of ours."""
    return request(
        settings,
        "PUT",
        "invoices",
        query=OURS if number else {},
        headers=keyed(settings.invoice_field, key),
        body=body,
    )


def _known(invoice: Invoice, number: str, mapped: Mapped, digest: str, decimals: int) -> Plan:
    output = {
        "invoice_id": mapped.other.id,
        "invoice_number": number,
        "total": shown(rounded(invoice.total, decimals), decimals),
        "status": "",
    }
    if content(mapped.hash) in ("", digest):
        return Unchanged(output, mapped.other)
    if older(invoice.version, mapped.version):
        return Superseded(output, mapped.other)
    return Refuse(
        f"invoice {invoice.id} is booked in Zoho Books as {mapped.other.id} and has changed since: a booked document "
        "is never rewritten here. Let a step update_invoice do it, correct it there, or void it and book a new one",
        cause="conflict",
        code="already_booked",
    )


def _compare(record: Any, booked: _Booked, output: dict[str, Any]) -> list[str]:
    """Zoho's own total against ours; Zoho may add tax or round by its own settings. Puts the difference in `output`."""
    try:
        total = Decimal(text(record, "total"))
    except InvalidOperation:
        return ["Zoho Books gave no total to compare with"]
    output["total"] = shown(total, booked.decimals)
    difference = total - booked.total
    if not difference:
        return []
    output["difference"] = shown(difference, booked.decimals)
    return [
        f"Zoho Books' total is {output['total']} {booked.currency}, the document's is "
        f"{shown(booked.total, booked.decimals)}: off by {output['difference']}; see taxes and price "
        "precision of the organization"
    ]
