"""An invoice to the customer: Zoho mails it, once, and only where a flow asks for it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Refuse, Session, View
from pipeline.apps.zohobooks.actions.common import read, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.documents import EMAIL_LENGTH
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused
from pipeline.schemas.records import ObjectRef

SUBJECT_LENGTH = 1000
BODY_LENGTH = 5000


class EmailInvoiceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The invoice by Zoho's id or its source, and the addresses that it goes to.

    Without `subject` and `body` Zoho takes its own template.
    """

    to: list[str]
    invoice_id: str = ""
    source: ObjectRef | None = None
    subject: str = ""
    body: str = ""
    missing: Missing = "park"


class EmailInvoiceOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice, and the status it has."""

    invoice_id: str
    status: str


class EmailInvoice:
    """Mail an invoice to the customer. Zoho marks a draft as sent with it.

    Safe to repeat: the invoice is read first, and one that was mailed is not mailed again, by whomever it was.
    """

    name: ClassVar[str] = "email_invoice"
    title: ClassVar[str] = "Mail an invoice to the customer"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The invoice is read first; one that was mailed is not mailed again."
    calls: ClassVar[str] = "3; 1 where it was mailed before"
    input: type[EmailInvoiceInput] = EmailInvoiceInput
    output: type[EmailInvoiceOutput] = EmailInvoiceOutput

    def plan(self, input: EmailInvoiceInput, view: View) -> Plan:
        target = find(view, INVOICE, input.invoice_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        to = list(dict.fromkeys(address.strip() for address in input.to if address.strip()))
        if not to:
            return Refuse("no address to mail the invoice to", code="no_address")
        if any(len(address) > EMAIL_LENGTH or "@" not in address for address in to):
            return Refuse("an address to mail the invoice to is none", code="address")
        for what, value, length in (("subject", input.subject, SUBJECT_LENGTH), ("body", input.body, BODY_LENGTH)):
            if len(value) > length:
                return Refuse(f"the {what} of the mail has more than {length} characters")
        body: dict[str, Any] = {"to_mail_ids": to}
        body |= {name: value for name, value in (("subject", input.subject), ("body", input.body)) if value}
        settings = settings_of(view)
        call = INVOICE.post(settings, target.id, "email", body=body)
        return Call("write", call, most=3, source=target.source, state=(settings, target))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, target = call.state
        invoice, done, pair = await read(session, settings, INVOICE, target.id), "unchanged", None
        if text(invoice, "status") == "void":
            raise Refused(
                f"invoice {text(invoice, 'invoice_number')} in Zoho Books is void: it is not mailed",
                cause="conflict",
                code="void",
            )
        if text(invoice, "is_emailed").lower() != "true":
            await session.send(call.request)
            invoice, done = await read(session, settings, INVOICE, target.id), "written"
            pair = target.pair(target.mark or "sent", invoice)
        output = {"invoice_id": target.id, "status": text(invoice, "status")}
        return Applied(done, output, target.ref, pair)
