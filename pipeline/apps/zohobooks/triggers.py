"""The events Zoho Books offers. Its workflow webhooks tell of them, and `polls` find those that no webhook told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Trigger
from pipeline.apps.zohobooks import samples, shapes
from pipeline.apps.zohobooks.versions import DELETED
from pipeline.apps.zohobooks.versions import version_of as version_of_state
from pipeline.apps.zohobooks.wire import text

IDS = {
    "credit_note": "creditnote_id",
    "payment": "payment_id",
    "invoice": "invoice_id",
    "contact": "contact_id",
}
"""Zoho's name of an object's id. In this order a body is looked at: a payment may name an invoice, no invoice names a
payment."""

PAYMENT_DELETED = "payment.deleted"


def _contact(name: str, title: str, **other: Any) -> Trigger:
    sample = {**samples.CONTACT, **other}
    return Trigger(name, title, "contact", shapes.Contact, sample, "get_contact", IDS["contact"])


def _invoice(name: str, title: str, **other: Any) -> Trigger:
    sample = {**samples.INVOICE, **other}
    return Trigger(name, title, "invoice", shapes.Invoice, sample, "get_invoice", IDS["invoice"])


def _credit_note(name: str, title: str, **other: Any) -> Trigger:
    sample = {**samples.CREDIT_NOTE, **other}
    return Trigger(name, title, "credit_note", shapes.CreditNote, sample, "get_credit_note", IDS["credit_note"])


TRIGGERS: Mapping[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        _contact("contact.created", "A customer was created"),
        _contact("contact.updated", "A customer was edited"),
        _contact("contact.inactive", "A customer was made inactive", status="inactive"),
        _invoice("invoice.created", "An invoice was created", **samples.UNPAID),
        _invoice("invoice.updated", "An invoice was edited", **samples.UNPAID),
        _invoice("invoice.sent", "An invoice was sent or marked as sent", **samples.SENT),
        _invoice("invoice.paid", "An invoice was paid in full"),
        _invoice("invoice.partially_paid", "An invoice was paid in part", **samples.PARTIALLY_PAID),
        _invoice("invoice.overdue", "An invoice was not paid in time", **samples.OVERDUE),
        _invoice("invoice.voided", "An invoice was made void", **samples.VOID),
        Trigger(
            "payment.recorded",
            "A customer's payment was recorded",
            "payment",
            shapes.Payment,
            samples.PAYMENT,
            fetch="get_payment",
            id=IDS["payment"],
        ),
        Trigger(
            PAYMENT_DELETED,
            "A customer's payment was deleted",
            "payment",
            shapes.Payment,
            samples.PAYMENT,
            fetch="get_deleted_payment",
            id=IDS["payment"],
        ),
        _credit_note("credit_note.created", "A credit note was created"),
        _credit_note("credit_note.voided", "A credit note was made void", status="void"),
    )
}

STATES: Mapping[str, Mapping[str, str]] = {
    "contact": {"inactive": "contact.inactive"},
    "invoice": {
        "sent": "invoice.sent",
        "viewed": "invoice.sent",
        "unpaid": "invoice.sent",
        "overdue": "invoice.overdue",
        "partially_paid": "invoice.partially_paid",
        "paid": "invoice.paid",
        "void": "invoice.voided",
        "voided": "invoice.voided",
    },
    "credit_note": {"void": "credit_note.voided", "voided": "credit_note.voided"},
}
"""The event that an object's status speaks of."""


def party_of(trigger: str, data: Any) -> str:
    """The contact whose order matters; "" where it cannot be told."""
    if not isinstance(data, dict):
        return ""
    return text(data, "contact_id" if trigger.startswith("contact.") else "customer_id")


def version_of(trigger: str, data: Any) -> str:
    """As `versions.version_of`; a deletion has no other version than that it happened."""
    if trigger == PAYMENT_DELETED:
        return DELETED if isinstance(data, dict) and text(data, IDS["payment"]) else ""
    return version_of_state(data)
