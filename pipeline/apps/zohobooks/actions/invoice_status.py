"""What becomes of an invoice that is booked: marked as sent, made void, written off. Its content stays as it is."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Session, Unchanged, View
from pipeline.apps.zohobooks.actions.common import amount_of, read, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused
from pipeline.schemas.records import ObjectRef

OPEN = frozenset(("sent", "viewed", "overdue", "unpaid", "partially_paid", "paid"))
SETTLED = frozenset(("partially_paid", "paid"))


class MarkInvoiceSentInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice_id` is Zoho's. With `source` (the object it was made of) it is remembered, and never asked again."""

    invoice_id: str = ""
    source: ObjectRef | None = None


class VoidInvoiceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice_id` is Zoho's, or `source` the object it was made of.

    `missing` says what to do where there is none. `settled`: an invoice with payments or credits is left to a person,
    or made void all the same: they then stay with the customer as credits.
    """

    invoice_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "skip"
    settled: Literal["refuse", "void"] = "refuse"


class WriteOffInvoiceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice_id` is Zoho's, or `source` the object it was made of. `missing` says what to do where there is none.

    `draft`: one that was not sent yet is left to a person, or marked as sent first.
    """

    invoice_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "skip"
    draft: Literal["refuse", "send"] = "refuse"


class InvoiceStatusOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice, and the status it has."""

    invoice_id: str
    status: str


class MarkInvoiceSent:
    """Make a draft an open invoice. No e-mail is sent.

    Safe to repeat: an invoice that is sent stays sent. Where Zoho refuses, the invoice says whether it was open.
    """

    name: ClassVar[str] = "mark_invoice_sent"
    title: ClassVar[str] = "Mark an invoice as sent"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "An invoice that is sent stays sent."
    calls: ClassVar[str] = "1; 2 where Zoho refuses or recognize_sent is on; 0 where it is known to be sent"
    input: type[MarkInvoiceSentInput] = MarkInvoiceSentInput
    output: type[InvoiceStatusOutput] = InvoiceStatusOutput

    def plan(self, input: MarkInvoiceSentInput, view: View) -> Plan:
        target = find(view, INVOICE, input.invoice_id, input.source)
        if not isinstance(target, Target):
            return target
        if target.mark:
            return Unchanged({"invoice_id": target.id, "status": target.mark}, target.ref)
        settings = settings_of(view)
        request = INVOICE.post(settings, target.id, "status", "sent")
        return Call("write", request, most=2, source=target.source, state=(settings, target))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, target = call.state
        done, status, invoice = "written", "sent", None
        try:
            await session.send(call.request)
            if settings.recognize_sent and target.mapped:
                invoice = await read(session, settings, INVOICE, target.id)
        except Refused as error:
            if error.cause == "not_found":
                raise
            invoice = await read(session, settings, INVOICE, target.id)
            done, status = "unchanged", text(invoice, "status")
            if status not in OPEN:
                raise
        return Applied(done, _output(target, status), target.ref, target.pair("sent", invoice))


class _AfterLook:
    """A change that depends on how the invoice stands: it is read, changed, and read again for its new version."""

    repeat: ClassVar[str] = "idempotent"
    output: type[InvoiceStatusOutput] = InvoiceStatusOutput
    mark: ClassVar[str]
    path: ClassVar[tuple[str, ...]]
    most: ClassVar[int] = 3

    def plan(self, input: Any, view: View) -> Plan:
        target = find(view, INVOICE, input.invoice_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        if target.mark == self.mark:
            return Unchanged(_output(target, self.mark), target.ref)
        settings = settings_of(view)
        request = INVOICE.post(settings, target.id, *self.path)
        return Call("write", request, most=self.most, source=target.source, state=(settings, target, input))

    def done(self, invoice: Any) -> bool:
        """Whether nothing is left to do."""
        raise NotImplementedError

    def check(self, invoice: Any, input: Any) -> None:
        """Raises `Refused` where it must not be done."""
        raise NotImplementedError

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, target, input = call.state
        invoice = await read(session, settings, INVOICE, target.id)
        done = "unchanged"
        if not self.done(invoice):
            self.check(invoice, input)
            if text(invoice, "status") == "draft" and getattr(input, "draft", "") == "send":
                await session.send(INVOICE.post(settings, target.id, "status", "sent"))
            await session.send(call.request)
            invoice = await read(session, settings, INVOICE, target.id)
            done = "written"
        output = _output(target, text(invoice, "status"))
        return Applied(done, output, target.ref, target.pair(self.mark, invoice))


class VoidInvoice(_AfterLook):
    """Make an invoice void. It keeps its number, and nothing is owed on it any more.

    Safe to repeat: it is read first, and one that is void is left as it is.
    """

    name: ClassVar[str] = "void_invoice"
    title: ClassVar[str] = "Make an invoice void"
    safe: ClassVar[str] = "The invoice is read first; one that is void is left as it is."
    calls: ClassVar[str] = "3; 1 where it is void; 0 where we did it before"
    input: type[VoidInvoiceInput] = VoidInvoiceInput
    mark: ClassVar[str] = "void"
    path: ClassVar[tuple[str, ...]] = ("status", "void")

    def done(self, invoice: Any) -> bool:
        return text(invoice, "status") == "void"

    def check(self, invoice: Any, input: VoidInvoiceInput) -> None:
        if input.settled == "refuse" and text(invoice, "status") in SETTLED:
            raise Refused(
                f"invoice {text(invoice, 'invoice_number')} in Zoho Books has payments or credits, which would become "
                "credits of the customer: make it void there, or set settled to void",
                cause="conflict",
                code="settled",
            )


class WriteOffInvoice(_AfterLook):
    """Write off what is open of an invoice: the customer will not pay it.

    Safe to repeat: it is read first, and one with nothing open is left as it is.
    """

    name: ClassVar[str] = "write_off_invoice"
    title: ClassVar[str] = "Write off what is open of an invoice"
    safe: ClassVar[str] = "The invoice is read first; one with nothing open is left as it is."
    calls: ClassVar[str] = "3; 4 for a draft; 1 where nothing is open; 0 where we did it before"
    input: type[WriteOffInvoiceInput] = WriteOffInvoiceInput
    most: ClassVar[int] = 4
    mark: ClassVar[str] = "written_off"
    path: ClassVar[tuple[str, ...]] = ("writeoff",)

    def done(self, invoice: Any) -> bool:
        return text(invoice, "status") in ("paid", "void") or not amount_of(invoice, "balance")

    def check(self, invoice: Any, input: WriteOffInvoiceInput) -> None:
        if input.draft == "refuse" and text(invoice, "status") == "draft":
            raise Refused(
                f"invoice {text(invoice, 'invoice_number')} in Zoho Books is a draft, which nobody owes: mark it as "
                "sent first, make it void, or set draft to send",
                cause="conflict",
                code="draft",
            )


def _output(target: Target, status: str) -> dict[str, Any]:
    return {"invoice_id": target.id, "status": status}
