"""What the actions share: settings of a view, versions, and reading the object out of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.apps.base import Session, View
from pipeline.apps.versions import older
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.modules import APP, CONTACT, INVOICE, Module
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import EffectError, InDoubt, Retry
from pipeline.schemas.records import ObjectRef

__all__ = ["APP", "amount_of", "contact_ref", "invoice_ref", "object_of", "older", "read", "settings_of"]


def settings_of(view: View) -> ZohoBooksSettings:
    """The connection's form; a preview of a flow that isn't connected yet stands in organisation 0."""
    return ZohoBooksSettings.model_validate({"organization_id": "0", **view.settings})


def contact_ref(id_: str) -> ObjectRef:
    return CONTACT.ref(id_)


def invoice_ref(id_: str) -> ObjectRef:
    return INVOICE.ref(id_)


def object_of(answer: Any, key: str, id_field: str, lost: type[EffectError] = InDoubt) -> tuple[str, Mapping[str, Any]]:
    """The object of an answer, with its id. Raises `lost` where a success names no object: it exists, but which?"""
    record = answer.get(key)
    id_ = text(record, id_field) if isinstance(record, dict) else ""
    if not id_:
        raise lost(f"Zoho Books answered with success but without {key}.{id_field}", code="no_id")
    return id_, record


async def read(session: Session, settings: ZohoBooksSettings, module: Module, id_: str) -> Mapping[str, Any]:
    """An object as it is now. Raises `Refused` (``not_found``) where it is no more."""
    return object_of(await session.send(module.get(settings, id_)), module.key, module.id, lost=Retry)[1]


def amount_of(record: Mapping[str, Any], name: str) -> Decimal:
    """An amount of an object; zero where it is missing. Zoho gives numbers or texts. Raises `Retry` for neither."""
    try:
        found = Decimal(text(record, name) or 0)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Retry(f"Zoho Books gave no number as {name}", code="amount")
    return found
