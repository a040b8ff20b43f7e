"""What Zoho Books can be asked to do, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Action
from pipeline.apps.zohobooks.actions.attachments import AttachPdf
from pipeline.apps.zohobooks.actions.contact_status import ActivateContact, DeactivateContact
from pipeline.apps.zohobooks.actions.contacts import EnsureContact, UpsertContact
from pipeline.apps.zohobooks.actions.credit_note_use import ApplyCreditNote, RefundCreditNote, VoidCreditNote
from pipeline.apps.zohobooks.actions.credit_notes import CreateCreditNote
from pipeline.apps.zohobooks.actions.invoice_status import MarkInvoiceSent, VoidInvoice, WriteOffInvoice
from pipeline.apps.zohobooks.actions.invoices import CreateInvoice
from pipeline.apps.zohobooks.actions.items import UpsertItem
from pipeline.apps.zohobooks.actions.payments import DeletePayment, RecordPayment
from pipeline.apps.zohobooks.actions.reads import GetContact, GetCreditNote, GetDeletedPayment, GetInvoice, GetPayment
from pipeline.apps.zohobooks.actions.sending import EmailInvoice
from pipeline.apps.zohobooks.actions.update_invoice import UpdateInvoice


def actions() -> Mapping[str, Action[Any]]:
    made: tuple[Action[Any], ...] = (
        UpsertContact(),
        EnsureContact(),
        ActivateContact(),
        DeactivateContact(),
        CreateInvoice(),
        UpdateInvoice(),
        MarkInvoiceSent(),
        EmailInvoice(),
        VoidInvoice(),
        WriteOffInvoice(),
        AttachPdf(),
        RecordPayment(),
        DeletePayment(),
        CreateCreditNote(),
        ApplyCreditNote(),
        VoidCreditNote(),
        RefundCreditNote(),
        UpsertItem(),
        GetContact(),
        GetInvoice(),
        GetPayment(),
        GetDeletedPayment(),
        GetCreditNote(),
    )
    return {action.name: action for action in made}
