"""What becomes of a credit note: applied to an invoice, made void, paid back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Refuse, Session, Unchanged, View
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, read, settings_of
from pipeline.apps.zohobooks.actions.credit import MOST as APPLYING
from pipeline.apps.zohobooks.actions.credit import credit
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.amounts import check_amount, plain
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import REFERENCE_LENGTH, day, time_zone
from pipeline.apps.zohobooks.lookup import rows_of
from pipeline.apps.zohobooks.modules import CREDIT_NOTE, INVOICE
from pipeline.apps.zohobooks.ways import shrunk
from pipeline.apps.zohobooks.wire import fit_id, request, text
from pipeline.errors import Refused
from pipeline.schemas.records import ObjectRef

VOID = "void"


class ApplyCreditNoteInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The credit note and the invoice by Zoho's ids, or by the source objects that they are mapped to.

    `amount` is the most to apply; without it, what is left of the note and open of the invoice. `missing` says what to
    do where one of them is not booked.
    """

    credit_note_id: str = ""
    source: ObjectRef | None = None
    invoice_id: str = ""
    invoice_source: ObjectRef | None = None
    amount: Decimal | None = None
    missing: Missing = "park"


class ApplyCreditNoteOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What the invoice was credited, and what is left of the credit note."""

    credit_note_id: str
    invoice_id: str
    amount: str
    balance: str


class VoidCreditNoteInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`credit_note_id` is Zoho's, or `source` the object it was made of."""

    credit_note_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "skip"


class VoidCreditNoteOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The credit note, and the status it has."""

    credit_note_id: str
    status: str


class RefundCreditNoteInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The credit note by Zoho's id or its source; `key` tells this refund from every other of the note.

    `amount`: what is paid back; without it, all that is left. `date` is a day (yyyy-mm-dd) of the organisation, or an
    instant, of which the organisation's day is taken.
    `account_id`: Zoho's id of the account that the money leaves, where the organisation's own is not meant.
    """

    key: str
    date: str
    credit_note_id: str = ""
    source: ObjectRef | None = None
    amount: Decimal | None = None
    mode: Literal["cash", "check", "banktransfer", "creditcard", "others"] = "banktransfer"
    account_id: str = ""
    description: str = ""
    missing: Missing = "park"


class RefundCreditNoteOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The refund, and what it came to."""

    credit_note_id: str
    refund_id: str
    amount: str


class ApplyCreditNote:
    """Apply a credit note to an invoice, as far as there is something left and something open.

    Safe to repeat: the note says which invoices it was applied to, and is read first.
    """

    name: ClassVar[str] = "apply_credit_note"
    title: ClassVar[str] = "Apply a credit note to an invoice"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The note is read first; what it gave to the invoice is not given again."
    calls: ClassVar[str] = "4; 1 where it was applied before"
    input: type[ApplyCreditNoteInput] = ApplyCreditNoteInput
    output: type[ApplyCreditNoteOutput] = ApplyCreditNoteOutput

    def plan(self, input: ApplyCreditNoteInput, view: View) -> Plan:
        note = find(view, CREDIT_NOTE, input.credit_note_id, input.source, input.missing)
        if not isinstance(note, Target):
            return note
        invoice = find(view, INVOICE, input.invoice_id, input.invoice_source, input.missing)
        if not isinstance(invoice, Target):
            return invoice
        if input.amount is not None:
            check_amount(input.amount, "the amount to apply")
        settings = settings_of(view)
        part = {} if input.amount is None else {"amount_applied": input.amount}
        body = {"invoices": [{"invoice_id": invoice.id, **part}]}
        call = CREDIT_NOTE.post(settings, note.id, "invoices", body=body)
        return Call("write", call, most=APPLYING, source=note.source, state=(settings, note, invoice, input.amount))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, note, invoice, most = call.state
        done = await credit(session, settings, note.id, invoice.id, most)
        output = {
            "credit_note_id": note.id,
            "invoice_id": invoice.id,
            "amount": plain(done.amount),
            "balance": plain(amount_of(done.note, "balance")),
        }
        settled = "" if done.new else "lookup"
        pair = note.pair("applied", done.note)
        return Applied("written" if done.new else "unchanged", output, note.ref, pair, settled=settled)


class VoidCreditNote:
    """Make a credit note void, as long as nothing of it was used.

    Safe to repeat: it is read first, and one that is void is left as it is.
    """

    name: ClassVar[str] = "void_credit_note"
    title: ClassVar[str] = "Make a credit note void"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The note is read first; one that is void is left as it is."
    calls: ClassVar[str] = "3; 1 where it is void; 0 where we did it before"
    input: type[VoidCreditNoteInput] = VoidCreditNoteInput
    output: type[VoidCreditNoteOutput] = VoidCreditNoteOutput

    def plan(self, input: VoidCreditNoteInput, view: View) -> Plan:
        note = find(view, CREDIT_NOTE, input.credit_note_id, input.source, input.missing)
        if not isinstance(note, Target):
            return note
        if note.mark == VOID:
            return Unchanged({"credit_note_id": note.id, "status": VOID}, note.ref)
        settings = settings_of(view)
        call = CREDIT_NOTE.post(settings, note.id, "status", "void")
        return Call("write", call, most=3, source=note.source, state=(settings, note))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, note = call.state
        held, done = await read(session, settings, CREDIT_NOTE, note.id), "unchanged"
        if text(held, "status") != VOID:
            if amount_of(held, "balance") != amount_of(held, "total"):
                raise Refused(
                    f"credit note {text(held, 'creditnote_number')} in Zoho Books was applied or refunded: take that "
                    "back there first",
                    cause="conflict",
                    code="used",
                )
            await session.send(call.request)
            held, done = await read(session, settings, CREDIT_NOTE, note.id), "written"
        output = {"credit_note_id": note.id, "status": text(held, "status")}
        return Applied(done, output, note.ref, note.pair(VOID, held))


@dataclass(frozen=True, slots=True)
class _Refund:
    settings: ZohoBooksSettings
    note: Target
    body: dict[str, Any]
    amount: Decimal | None
    key: str


class RefundCreditNote:
    """Pay back what is left of a credit note.

    Safe to repeat: a refund goes under a reference of ours, and the note's refunds are read first.
    """

    name: ClassVar[str] = "refund_credit_note"
    title: ClassVar[str] = "Refund a credit note"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The note's refunds are read first; one of our reference is not paid again."
    calls: ClassVar[str] = "4; 1 where it was refunded before"
    input: type[RefundCreditNoteInput] = RefundCreditNoteInput
    output: type[RefundCreditNoteOutput] = RefundCreditNoteOutput

    def plan(self, input: RefundCreditNoteInput, view: View) -> Plan:
        note = find(view, CREDIT_NOTE, input.credit_note_id, input.source, input.missing)
        if not isinstance(note, Target):
            return note
        if not input.key:
            return Refuse("no key: without one a refund cannot be told from another")
        if not fit_id(input.account_id):
            return Refuse(f"account_id {input.account_id[:40]!r} is no id of Zoho Books", code="account")
        if input.amount is not None:
            check_amount(input.amount, "the refund")
        settings = settings_of(view)
        key = shrunk(input.key, REFERENCE_LENGTH)
        on = _day(input.date, time_zone(view.profile))
        if not on:
            return Refuse(f"{input.date!r} is neither a day (yyyy-mm-dd) nor a time", code="date")
        body: dict[str, Any] = {"date": on, "refund_mode": input.mode, "reference_number": key}
        body |= {"from_account_id": input.account_id} if input.account_id else {}
        body |= {"description": input.description[:500]} if input.description else {}
        call = CREDIT_NOTE.post(
            settings, note.id, "refunds", body=body if input.amount is None else {**body, "amount": input.amount}
        )
        state = _Refund(settings, note, body, input.amount, key)
        return Call("write", call, most=4, source=note.source, state=state)

    async def apply(self, call: Call, session: Session) -> Applied:
        wanted: _Refund = call.state
        settings, note = wanted.settings, wanted.note
        answer = await session.send(request(settings, "GET", CREDIT_NOTE.path, note.id, "refunds"))
        rows = rows_of(answer, "creditnote_refunds")
        refund = next((row for row in rows if text(row, "reference_number") == wanted.key), None)
        done, settled, held = "unchanged", "lookup", None
        if refund is None:
            held = await read(session, settings, CREDIT_NOTE, note.id)
            left = amount_of(held, "balance")
            amount = left if wanted.amount is None else wanted.amount
            if not 0 < amount <= left:
                raise Refused(
                    f"credit note {text(held, 'creditnote_number')} in Zoho Books has {plain(left)} left: not to be "
                    f"refunded by {plain(amount)}",
                    cause="amount",
                    code="nothing_left",
                )
            body = {**wanted.body, "amount": amount}
            answer = await session.send(CREDIT_NOTE.post(settings, note.id, "refunds", body=body))
            _, refund = object_of(answer, "creditnote_refund", "creditnote_refund_id")
            held = await read(session, settings, CREDIT_NOTE, note.id)
            done, settled = "written", ""
        output = {
            "credit_note_id": note.id,
            "refund_id": text(refund, "creditnote_refund_id"),
            "amount": plain(amount_of(refund, "amount")),
        }
        pair = note.pair("refunded", held) if held else None
        return Applied(done, output, note.ref, pair, settled=settled)


def _day(given: str, zone: ZoneInfo) -> str:
    """ "" for what is neither a day nor a time. A day is a day of the organisation already."""
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError:
        pass
    try:
        return day(datetime.fromisoformat(given), zone).isoformat()
    except (ValueError, OverflowError):
        return ""
