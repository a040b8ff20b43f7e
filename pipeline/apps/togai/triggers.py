"""The events Togai offers, and what can be read off their data without decoding it whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Trigger
from pipeline.apps.togai import samples
from pipeline.apps.togai.documents import ACCOUNT, CREDIT, CUSTOMER, INVOICE, PAYMENT
from pipeline.apps.togai.versions import version_of as version_of_object
from pipeline.schemas import togai

SCHEDULE, ON_DEMAND = "schedule", "on_demand"
"""Triggers that Togai knows nothing of: time and people give them."""

ORDER = "order.generated"


def _account(event: str, title: str, **other: Any) -> Trigger:
    sample = {**samples.ACCOUNT, **other}
    return Trigger(event, title, ACCOUNT, togai.Account, sample, fetch="get_account", returns=True)


def _customer(name: str, title: str) -> Trigger:
    return Trigger(name, title, CUSTOMER, togai.Customer, samples.CUSTOMER, fetch="get_customer")


def _invoice(name: str, title: str, other: Mapping[str, Any] | None = None) -> Trigger:
    return Trigger(name, title, INVOICE, togai.Invoice, {**samples.INVOICE, **(other or {})}, fetch="get_invoice")


def _credit(name: str, title: str, **other: Any) -> Trigger:
    return Trigger(name, title, CREDIT, togai.Credit, {**samples.CREDIT, **other}, fetch="get_credit")


TRIGGERS: Mapping[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        _account("account.created", "An account was created"),
        _account("account.updated", "An account was changed", name="Northwind Live (EU)"),
        _account("account.archived", "An account was archived", status="ARCHIVED"),
        _customer("customer.created", "A customer was created"),
        _customer("customer.updated", "A customer was changed"),
        _invoice("invoice.generated", "An ongoing invoice was generated (became due)"),
        _invoice("invoice.updated", "An invoice was updated"),
        _invoice("invoice.paid", "An invoice was paid in full", samples.PAID),
        _invoice("invoice.partially_paid", "An invoice was paid in part", samples.PARTIALLY_PAID),
        _invoice("invoice.voided", "An invoice was made void", samples.VOID),
        _invoice("invoice.uncollectible", "An invoice was given up as uncollectible", samples.UNCOLLECTIBLE),
        _invoice("invoice.refund_initiated", "The refund of an invoice was begun", samples.REFUND_INITIATED),
        _invoice("invoice.refund_completed", "An invoice was refunded", samples.REFUND_COMPLETED),
        _invoice(ORDER, "An order (a purchase to be paid first) was generated", samples.ORDER),
        Trigger(
            "payment.recorded", "A payment was recorded", PAYMENT, togai.Payment, samples.PAYMENT, fetch="get_payment"
        ),
        _credit("credit.granted", "A credit was granted to an account"),
        _credit("credit.voided", "A credit was voided", status="VOIDED", updatedAt="2024-09-10T12:00:00.000Z"),
        Trigger(
            SCHEDULE,
            "A time is due: hourly, daily, or by a cron expression",
            SCHEDULE,
            togai.Schedule,
            samples.SCHEDULE,
            scheduled=True,
        ),
        Trigger(
            ON_DEMAND, "A person starts it, with a payload", ON_DEMAND, togai.OnDemand, samples.ON_DEMAND, asked=True
        ),
    )
}

STATES: Mapping[str, str] = {
    "PAID": "invoice.paid",
    "PARTIALLY_PAID": "invoice.partially_paid",
    "VOID": "invoice.voided",
    "UN_COLLECTIBLE": "invoice.uncollectible",
    "REFUND_INITIATED": "invoice.refund_initiated",
    "REFUND_COMPLETED": "invoice.refund_completed",
}
"""The event that an invoice's status speaks of, beside `invoice.updated`."""


def party_of(trigger: str, data: Any) -> str:
    """Whose order matters: the account or group that an invoice belongs to, else the object itself."""
    if not isinstance(data, dict):
        return ""
    known = TRIGGERS.get(trigger)
    match known.object if known else "":
        case "invoice":
            return _text(data.get("ownerId")) or _text(data.get("customerId"))
        case "payment" | "credit":
            return _text(data.get("accountId"))
        case "on_demand":
            return ON_DEMAND
    return _text(data.get("id"))


def version_of(trigger: str, data: Any) -> str:
    """As `versions.version_of`, by the object that the trigger is about."""
    known = TRIGGERS.get(trigger)
    return version_of_object(known.object, data) if known else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
