"""Custom invoices: the counterpart of an invoice that was not billed by usage.

https://docs.togai.com/api-reference/invoices
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Superseded, Unchanged, View
from pipeline.apps.togai.actions.common import object_of, ref
from pipeline.apps.togai.actions.invoice_status import status_of
from pipeline.apps.togai.actions.payer import account_of, check_currency
from pipeline.apps.togai.actions.target import Missing
from pipeline.apps.togai.amounts import added, check_amount, number, plain
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import INVOICE
from pipeline.apps.togai.receipts import shortened
from pipeline.apps.togai.versions import version_of
from pipeline.apps.twofold import inbound, with_inbound
from pipeline.apps.versions import older
from pipeline.schemas.documents import Invoice, Line
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

MOST_LINES = 50
DESCRIPTION_LENGTH = 255
A_DAY = timedelta(days=1)


class CreateInvoiceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice` is what is billed, `source` the object that it is mapped to, whose id is its key.

    `account_id` is who is billed: without it, the account that the invoice's party is mapped to; `missing` says what to
    do where there is none. `status` is how it begins. `line_mode`: its lines, or one over the whole. Credits and the
    wallet are left alone, unless the flow says otherwise, so that both sides have the same total.
    """

    invoice: Invoice
    source: ObjectRef
    account_id: str = ""
    status: Literal["DRAFT", "DUE", "PAID"] = "DUE"
    line_mode: Literal["lines", "single"] = "lines"
    apply_credits: bool = False
    apply_wallet_balance: bool = False
    missing: Missing = "park"


class CreateInvoiceOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice that is there now. The total is decimal text; the number is "" as long as Togai gave none."""

    invoice_id: str
    invoice_number: str
    total: str
    status: str


@dataclass(frozen=True, slots=True)
class _Billed:
    account_id: str
    invoice: Invoice


class CreateInvoice:
    """Bill a custom invoice. One that is mapped is never written again.

    Safe to repeat: Togai takes one invoice under our `idempotencyKey`.
    """

    name: ClassVar[str] = "create_invoice"
    title: ClassVar[str] = "Create a custom invoice"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Togai takes one invoice under our idempotencyKey."
    calls: ClassVar[str] = "2; 0 where it is mapped"
    input: type[CreateInvoiceInput] = CreateInvoiceInput
    output: type[CreateInvoiceOutput] = CreateInvoiceOutput

    def plan(self, input: CreateInvoiceInput, view: View) -> Plan:
        invoice = input.invoice
        digest = content_hash(
            [invoice.currency, plain(invoice.total), [(line.description, plain(line.amount)) for line in invoice.lines]]
        )
        mapped = view.mapped(input.source)
        if mapped is not None:
            output = {"invoice_id": mapped.other.id, "invoice_number": "", "total": plain(invoice.total), "status": ""}
            if inbound(mapped.hash) in ("", digest):
                return Unchanged(output, mapped.other)
            if older(invoice.version, mapped.version):
                return Superseded(output, mapped.other)
            return Refuse(
                f"invoice {invoice.id} is billed in Togai as {mapped.other.id} and has changed since: what is "
                "billed is never rewritten here, void it there and create a new one",
                cause="conflict",
                code="already_billed",
            )
        wrong = _wrong(input)
        if wrong is not None:
            return wrong
        account_id = account_of(view, input.source.app, invoice.party, input.account_id, input.missing)
        if not isinstance(account_id, str):
            return account_id
        return Call(
            "create",
            request("POST", "invoices", body=_body(input, account_id)),
            most=2,
            source=input.source,
            hash=with_inbound(digest),
            version=invoice.version,
            state=_Billed(account_id, invoice),
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        billed: _Billed = call.state
        await check_currency(session, billed.account_id, billed.invoice.currency)
        found = object_of(await session.send(call.request), INVOICE)
        there = ref(INVOICE, str(found["id"]))
        total = number(found.get("totalAmount"))
        warnings = []
        if total != billed.invoice.total:
            warnings.append(f"Togai's total is {plain(total)}, the document's is {plain(billed.invoice.total)}")
        output = {
            "invoice_id": there.id,
            "invoice_number": str(found.get("sequenceId") or ""),
            "total": plain(total),
            "status": status_of(found),
        }
        assert call.source is not None
        pair = Pair(call.source, there, call.hash, call.version, theirs=version_of(INVOICE, found))
        return Applied("created", output, there, pair, warnings)


def _wrong(input: CreateInvoiceInput) -> Refuse | None:
    invoice = input.invoice
    check_amount(invoice.total, "the invoice's total")
    for line in invoice.lines:
        check_amount(line.amount, f"line {line.description[:60]!r}")
    if invoice.total < 0:
        return Refuse(f"invoice {invoice.id} is below zero: grant a credit instead", cause="amount")
    if input.line_mode == "single":
        return None
    if not 1 <= len(invoice.lines) <= MOST_LINES:
        return Refuse(
            f"invoice {invoice.id} has {len(invoice.lines)} lines, and Togai takes 1 to {MOST_LINES}: set line_mode to "
            "single",
            cause="amount",
            code="lines",
        )
    total = added(line.amount for line in invoice.lines)
    if total != invoice.total:
        return Refuse(
            f"the lines of invoice {invoice.id} add up to {plain(total)}, not to its total {plain(invoice.total)}",
            cause="amount",
            code="sum",
        )
    return None


def _body(input: CreateInvoiceInput, account_id: str) -> dict[str, Any]:
    invoice = input.invoice
    start = invoice.period_start or invoice.issued
    end = invoice.period_end or start + A_DAY
    if input.line_mode == "single":
        lines: list[dict[str, Any]] = [
            {"description": f"Invoice {invoice.number or invoice.id}", "value": invoice.total}
        ]
    else:
        lines = [_line(line) for line in invoice.lines]
    return {
        "accountId": account_id,
        "startDate": _moment(start),
        "endDate": _moment(end),
        "status": input.status,
        "lineItems": lines,
        "idempotencyKey": input.source.id,
        "autoAdvance": False,
        "applyCredits": input.apply_credits,
        "applyWalletBalance": input.apply_wallet_balance,
    }


def _line(line: Line) -> dict[str, Any]:
    """Quantity and price only where their product is the amount: Togai multiplies them."""
    described = {"description": shortened(line.description or "Charge", DESCRIPTION_LENGTH)}
    quantity, price = line.quantity, line.unit_price
    if quantity is not None and price is not None and quantity * price == line.amount:
        return {**described, "quantity": quantity, "valuePerQuantity": price}
    return {**described, "value": line.amount}


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
