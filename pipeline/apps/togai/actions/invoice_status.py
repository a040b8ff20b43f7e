"""What becomes of an invoice: paid, void, uncollectible, to be refunded. Only what Togai's life cycle allows.

https://docs.togai.com/docs/invoices-overview
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Session, View
from pipeline.apps.togai.actions.common import object_of, read
from pipeline.apps.togai.actions.target import Missing, Target, find
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import INVOICE
from pipeline.errors import Refused
from pipeline.schemas.records import ObjectRef
from pipeline.schemas.togai import OLD_STATUSES

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "DRAFT": frozenset(("DUE", "VOID")),
    "DUE": frozenset(("PARTIALLY_PAID", "PAID", "UN_COLLECTIBLE", "MERGED", "VOID")),
    "PARTIALLY_PAID": frozenset(("PAID",)),
    "PAID": frozenset(("REFUND_INITIATED",)),
    "REFUND_INITIATED": frozenset(("REFUND_COMPLETED",)),
    "UN_COLLECTIBLE": frozenset(("PAID", "VOID")),
}
"""Where an invoice may go from each status; from those that are missing, nowhere."""

WHY: Mapping[str, str] = {
    "DRAFT": "it is ongoing: Togai has to generate it first",
    "DUE": "nothing of it was paid",
    "PARTIALLY_PAID": "a part of it was paid: settle or refund that in Togai first",
    "PAID": "it was paid: refund it in Togai instead",
    "MERGED": "it was merged into its group's invoice: that one is to be changed",
    "VOID": "it is void",
    "UN_COLLECTIBLE": "it was given up as uncollectible",
    "REFUND_INITIATED": "it is being refunded",
    "REFUND_COMPLETED": "it was refunded",
}
"""What to say where an invoice of a status may not go further."""


class InvoiceStatusInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`invoice_id` is Togai's, or `source` the object that the invoice is mapped to.

    `version` is the source's; what was done for a later one is not done again. `missing` says what to do where there is
    no such invoice.
    """

    invoice_id: str = ""
    source: ObjectRef | None = None
    version: str = ""
    missing: Missing = "skip"


class InvoiceStatusOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice, and the status it has."""

    invoice_id: str
    status: str


def status_of(invoice: Mapping[str, Any]) -> str:
    """In today's words."""
    status = str(invoice.get("status") or "")
    return OLD_STATUSES.get(status, status)


class _SetStatus:
    """The invoice is read, checked against the life cycle, and changed where it is not so already."""

    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The invoice is read first; one that is so already is left as it is."
    calls: ClassVar[str] = "2; 1 where it is so already"
    input: type[InvoiceStatusInput] = InvoiceStatusInput
    output: type[InvoiceStatusOutput] = InvoiceStatusOutput
    status: ClassVar[str]
    as_well: ClassVar[frozenset[str]] = frozenset()
    """Statuses that lie beyond: there is nothing left to do."""

    def plan(self, input: InvoiceStatusInput, view: View) -> Plan:
        target = find(view, INVOICE, input.invoice_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        sent = request("PATCH", "invoices", target.id, body={"status": self.status})
        return Call("write", sent, most=2, source=target.source, version=input.version, state=target)

    async def apply(self, call: Call, session: Session) -> Applied:
        target: Target = call.state
        invoice, done = await read(session, INVOICE, target.id), "unchanged"
        status = status_of(invoice)
        if status != self.status and status not in self.as_well:
            if self.status not in TRANSITIONS.get(status, ()):
                raise Refused(
                    f"invoice {target.id} in Togai is {status} and cannot become {self.status}: "
                    f"{WHY.get(status, 'Togai has no way from there')}",
                    cause="conflict",
                    code=status,
                )
            invoice, done = object_of(await session.send(call.request), INVOICE), "written"
        output = {"invoice_id": target.id, "status": status_of(invoice)}
        return Applied(done, output, target.ref, target.pair(invoice, version=call.version))


class MarkInvoicePaid(_SetStatus):
    """Mark an invoice as paid, with no payment: for tokens that may not record any. Recording one is the better way."""

    name: ClassVar[str] = "mark_invoice_paid"
    title: ClassVar[str] = "Mark an invoice as paid"
    status: ClassVar[str] = "PAID"
    as_well: ClassVar[frozenset[str]] = frozenset(("REFUND_INITIATED", "REFUND_COMPLETED"))


class VoidInvoice(_SetStatus):
    """Make an invoice void. One that was paid, be it in part, is refused."""

    name: ClassVar[str] = "void_invoice"
    title: ClassVar[str] = "Make an invoice void"
    status: ClassVar[str] = "VOID"


class MarkInvoiceUncollectible(_SetStatus):
    """Give an invoice up: the customer will not pay it."""

    name: ClassVar[str] = "mark_invoice_uncollectible"
    title: ClassVar[str] = "Mark an invoice as uncollectible"
    status: ClassVar[str] = "UN_COLLECTIBLE"


class MarkInvoiceRefundInitiated(_SetStatus):
    """Say that the refund of a paid invoice was begun. One that was refunded already is left as it is."""

    name: ClassVar[str] = "mark_invoice_refund_initiated"
    title: ClassVar[str] = "Mark the refund of an invoice as begun"
    status: ClassVar[str] = "REFUND_INITIATED"
    as_well: ClassVar[frozenset[str]] = frozenset(("REFUND_COMPLETED",))
