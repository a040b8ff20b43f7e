"""The events Togai offers, and what can be read off their data without decoding it whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pipeline.apps.base import Trigger
from pipeline.apps.togai import samples
from pipeline.apps.togai.documents import ACCOUNT, CUSTOMER, INVOICE, version
from pipeline.schemas import togai

TRIGGERS: Mapping[str, Trigger] = {
    one.name: one
    for one in (
        Trigger(
            name="account.created",
            title="An account was created",
            object=ACCOUNT,
            schema=togai.Account,
            sample=samples.ACCOUNT,
            fetch="get_account",
        ),
        Trigger(
            name="invoice.generated",
            title="An ongoing invoice was generated (became due)",
            object=INVOICE,
            schema=togai.Invoice,
            sample=samples.INVOICE,
            fetch="get_invoice",
        ),
        Trigger(
            name="invoice.updated",
            title="An invoice was updated",
            object=INVOICE,
            schema=togai.Invoice,
            sample=samples.INVOICE,
            fetch="get_invoice",
        ),
        Trigger(
            name="customer.created",
            title="A customer was created",
            object=CUSTOMER,
            schema=togai.Customer,
            sample=samples.CUSTOMER,
            fetch="get_customer",
        ),
    )
}


def party_of(trigger: str, data: Any) -> str:
    """Whose order matters: the account or group that an invoice belongs to, else the object itself."""
    if not isinstance(data, dict):
        return ""
    if trigger.startswith("invoice."):
        return _text(data.get("ownerId")) or _text(data.get("customerId"))
    return _text(data.get("id"))


def version_of(data: Any) -> str:
    """`updatedAt` in one form that sorts; "" for accounts, which have none, and for what is no time."""
    found = data.get("updatedAt") if isinstance(data, dict) else None
    if not isinstance(found, str):
        return ""
    try:
        return version(msgspec.convert(found, datetime))
    except (msgspec.ValidationError, OverflowError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
