"""Credit notes: created once under our unique field, applied, made void, refunded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Request, Session, Unchanged, View
from pipeline.apps.zohobooks.actions.by_number import OURS
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, settings_of
from pipeline.apps.zohobooks.actions.target import content
from pipeline.apps.zohobooks.amounts import decimals_of, shown
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import document_currency, time_zone
from pipeline.apps.zohobooks.lines import LineOptions, book
from pipeline.apps.zohobooks.lookup import LOOK_UP, ours
from pipeline.apps.zohobooks.modules import CREDIT_NOTE
from pipeline.apps.zohobooks.receipts import credit_note_body, credit_note_hash
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.ways import way_of, without_field
from pipeline.apps.zohobooks.wire import keyed, request, text
from pipeline.errors import Refused
from pipeline.schemas.documents import CreditNote, Invoice
from pipeline.schemas.records import ObjectRef


class CreateCreditNoteInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`credit_note` is what to book, `source` the object it is mapped to, `customer_id` the customer it is for.

    `number`: Zoho's next, or the source's. `tolerance`: by how much the lines may miss the total.
    """

    credit_note: CreditNote
    source: ObjectRef
    customer_id: str
    number: Literal["auto", "sequence"] = "auto"
    tolerance: Decimal | None = None


class CreateCreditNoteOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The credit note that is there now. Amounts are decimal text."""

    credit_note_id: str
    credit_note_number: str
    total: str
    balance: str
    status: str


@dataclass(frozen=True, slots=True)
class _Noted:
    settings: ZohoBooksSettings
    body: Mapping[str, Any]
    key: str
    field: str
    keyed: bool
    currency: str
    decimals: int

    def request(self) -> Request:
        query = OURS if "creditnote_number" in self.body else {}
        if not self.keyed:
            return request(self.settings, "POST", "creditnotes", query=query, body=self.body)
        headers = keyed(self.settings.credit_note_field, self.key)
        return request(self.settings, "PUT", "creditnotes", query=query, headers=headers, body=self.body)


class CreateCreditNote:
    """Book a credit note. One that is mapped is never written again.

    Safe to repeat: Zoho takes one credit note under our unique field, and a second call under it finds the first.
    """

    name: ClassVar[str] = "create_credit_note"
    title: ClassVar[str] = "Create a credit note"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Zoho takes one credit note under our unique field."
    calls: ClassVar[str] = "1; 0 where it is mapped; without the unique field 2 or more"
    input: type[CreateCreditNoteInput] = CreateCreditNoteInput
    output: type[CreateCreditNoteOutput] = CreateCreditNoteOutput

    def plan(self, input: CreateCreditNoteInput, view: View) -> Plan:
        settings, note = settings_of(view), input.credit_note
        digest = credit_note_hash(note)
        decimals = decimals_of(note.currency, settings, view.profile)
        mapped = view.mapped(input.source)
        if mapped is not None:
            if content(mapped.hash) not in ("", digest):
                return Refuse(
                    f"credit note {note.id} is booked in Zoho Books as {mapped.other.id} and has changed since: a "
                    "booked document is never rewritten. Correct it there, or make it void and book a new one",
                    cause="conflict",
                    code="already_booked",
                )
            total = shown(note.total, decimals)
            output = {"credit_note_id": mapped.other.id, "credit_note_number": "", "total": total}
            return Unchanged({**output, "balance": "", "status": ""}, mapped.other)
        if not input.customer_id:
            return Refuse("no customer_id: let a step before this one give the customer", code="customer")
        if not note.currency:
            return Refuse(f"credit note {note.id} names no currency", cause="currency")
        way = way_of("credit_note", settings, view.profile)
        if not way.keyed and settings.unique_field == "required":
            return without_field("credit_note", settings)
        booking = book(_as_invoice(note), decimals, LineOptions(tolerance=input.tolerance))
        body, warnings = credit_note_body(
            note,
            booking,
            number=note.number if input.number == "sequence" else "",
            key=input.source.id,
            customer_id=input.customer_id,
            settings=settings,
            way=way,
            zone=time_zone(view.profile),
        )
        body |= document_currency(note.currency, view.profile)
        noted = _Noted(settings, body, input.source.id, way.field, way.keyed, note.currency, decimals)
        return Call(
            "create",
            noted.request(),
            most=1 if way.keyed else 1 + LOOK_UP,
            source=input.source,
            hash=digest,
            version=note.version,
            state=noted,
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        noted: _Noted = call.state
        found = None
        if not noted.keyed:
            reference = str(noted.body["reference_number"])
            found = await ours(session, noted.settings, CREDIT_NOTE, reference, noted.field, noted.key)
        settled = "lookup" if found else ""
        record = found or object_of(await session.send(call.request), CREDIT_NOTE.key, CREDIT_NOTE.id)[1]
        ref = CREDIT_NOTE.ref(text(record, CREDIT_NOTE.id))
        currency = text(record, "currency_code")
        if currency and currency != noted.currency:
            raise Refused(
                f"Zoho Books holds credit note {ref.id} in {currency}, the customer's currency, not in "
                f"{noted.currency}: make it void, and give the party a customer in {noted.currency}",
                cause="currency",
            )
        output = {
            "credit_note_id": ref.id,
            "credit_note_number": text(record, "creditnote_number"),
            "total": shown(amount_of(record, "total"), noted.decimals),
            "balance": shown(amount_of(record, "balance"), noted.decimals),
            "status": text(record, "status"),
        }
        pair = Pair(call.source, ref, call.hash, call.version, theirs=version_of(record)) if call.source else None
        return Applied("created", output, ref, pair, call.warnings, settled=settled)


def _as_invoice(note: CreditNote) -> Invoice:
    """Lines of both are booked alike."""
    return Invoice(
        id=note.id,
        party=note.party,
        currency=note.currency,
        total=note.total,
        lines=note.lines,
        issued=note.issued,
        number=note.number,
    )
