"""Reads: the object itself, for a hint that becomes an event, or for a flow that looks something up."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Refuse, Session, View
from pipeline.apps.zohobooks.actions.common import contact_ref, invoice_ref, object_of, settings_of
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Retry


class GetInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is Zoho's id of the object."""

    id: str


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


class GetContact:
    """Read a contact as it is now."""

    name: ClassVar[str] = "get_contact"
    title: ClassVar[str] = "Get a customer"
    repeat: ClassVar[str] = "read"
    calls: ClassVar[str] = "1"
    input: type[GetInput] = GetInput
    output: type[GetContactOutput] = GetContactOutput

    def plan(self, input: GetInput, view: View) -> Plan:
        return _plan(input, view, "contacts")

    async def apply(self, call: Call, session: Session) -> Applied:
        id_, contact = object_of(await session.send(call.request), "contact", "contact_id", lost=Retry)
        output = {name: text(contact, name) for name in GetContactOutput.__struct_fields__}
        version = text(contact, "last_modified_time")
        return Applied("read", output, contact_ref(id_), data=contact, sourceversion=version)


class GetInvoice:
    """Read an invoice as it is now, with lines and balance."""

    name: ClassVar[str] = "get_invoice"
    title: ClassVar[str] = "Get an invoice"
    repeat: ClassVar[str] = "read"
    calls: ClassVar[str] = "1"
    input: type[GetInput] = GetInput
    output: type[GetInvoiceOutput] = GetInvoiceOutput

    def plan(self, input: GetInput, view: View) -> Plan:
        return _plan(input, view, "invoices")

    async def apply(self, call: Call, session: Session) -> Applied:
        id_, invoice = object_of(await session.send(call.request), "invoice", "invoice_id", lost=Retry)
        output = {name: text(invoice, name) for name in GetInvoiceOutput.__struct_fields__}
        version = text(invoice, "last_modified_time")
        return Applied("read", output, invoice_ref(id_), data=invoice, sourceversion=version)


def _plan(input: GetInput, view: View, module: str) -> Plan:
    if not input.id:
        return Refuse("no id to read")
    return Call("read", request(settings_of(view), "GET", module, input.id))
