"""Reads: the object itself, for a hint that becomes an event, or for a flow that looks something up."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Session, View
from pipeline.apps.zohobooks.actions.common import object_of, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.modules import CONTACT, CREDIT_NOTE, INVOICE, PAYMENT, Module
from pipeline.apps.zohobooks.versions import DELETED, version_of
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused, Retry
from pipeline.schemas.records import ObjectRef


class GetInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is Zoho's id of the object, or `source` the object that it is mapped to.

    `missing` says what to do where it is mapped to none: wait until it is, end the run, or refuse.
    """

    id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "refuse"


class GetContactOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a later step may read of a customer."""

    contact_id: str
    contact_name: str
    currency_code: str
    status: str


class GetInvoiceOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a later step may read of an invoice. Amounts are decimal text."""

    invoice_id: str
    invoice_number: str
    customer_id: str
    currency_code: str
    total: str
    balance: str
    status: str


class GetPaymentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a later step may read of a payment. Amounts are decimal text."""

    payment_id: str
    payment_number: str
    customer_id: str
    payment_mode: str
    amount: str
    date: str
    reference_number: str


class GetCreditNoteOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a later step may read of a credit note. Amounts are decimal text."""

    creditnote_id: str
    creditnote_number: str
    customer_id: str
    currency_code: str
    total: str
    balance: str
    status: str


class GetDeletedPaymentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that is no more."""

    payment_id: str


class _Get:
    """One call; the whole object goes on as the data of an event."""

    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = "It only reads."
    calls: ClassVar[str] = "1"
    input: type[GetInput] = GetInput
    output: type[msgspec.Struct]
    module: ClassVar[Module]

    def plan(self, input: GetInput, view: View) -> Plan:
        target = find(view, self.module, input.id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        return Call("read", self.module.get(settings_of(view), target.id), state=target.id)

    async def apply(self, call: Call, session: Session) -> Applied:
        answer = await session.send(call.request)
        id_, record = object_of(answer, self.module.key, self.module.id, lost=Retry)
        output: dict[str, Any] = {info.name: text(record, info.name) for info in msgspec.structs.fields(self.output)}
        return Applied("read", output, self.module.ref(id_), data=record, sourceversion=version_of(record))


class GetContact(_Get):
    """Read a contact as it is now."""

    name: ClassVar[str] = "get_contact"
    title: ClassVar[str] = "Get a customer"
    output = GetContactOutput
    module = CONTACT


class GetInvoice(_Get):
    """Read an invoice as it is now, with lines and balance."""

    name: ClassVar[str] = "get_invoice"
    title: ClassVar[str] = "Get an invoice"
    output = GetInvoiceOutput
    module = INVOICE


class GetPayment(_Get):
    """Read a customer's payment as it is now, with the invoices that it settles."""

    name: ClassVar[str] = "get_payment"
    title: ClassVar[str] = "Get a payment"
    output = GetPaymentOutput
    module = PAYMENT


class GetCreditNote(_Get):
    """Read a credit note as it is now, with the invoices that it was applied to."""

    name: ClassVar[str] = "get_credit_note"
    title: ClassVar[str] = "Get a credit note"
    output = GetCreditNoteOutput
    module = CREDIT_NOTE


class GetDeletedPayment(_Get):
    """See that a payment is no more: what a hint of its deletion is fetched by. One that is there is refused."""

    name: ClassVar[str] = "get_deleted_payment"
    title: ClassVar[str] = "See that a payment was deleted"
    output = GetDeletedPaymentOutput
    module = PAYMENT

    async def apply(self, call: Call, session: Session) -> Applied:
        try:
            await session.send(call.request)
        except Refused as error:
            if error.cause != "not_found":
                raise
            gone = {PAYMENT.id: call.state}
            return Applied("read", gone, PAYMENT.ref(call.state), data=gone, sourceversion=DELETED)
        raise Refused(
            f"payment {call.state} is still there in Zoho Books: it was not deleted", cause="conflict", code="there"
        )
