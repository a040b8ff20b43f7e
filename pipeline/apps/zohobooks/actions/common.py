"""What the actions share: settings of a view, versions, and reading the object out of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.apps.base import View
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import EffectError, InDoubt
from pipeline.schemas.records import ObjectRef

APP = "zohobooks"


def settings_of(view: View) -> ZohoBooksSettings:
    """The connection's form; a preview of a flow that isn't connected yet stands in organisation 0."""
    return ZohoBooksSettings.model_validate({"organization_id": "0", **view.settings})


def contact_ref(id_: str) -> ObjectRef:
    return ObjectRef(app=APP, type="contact", id=id_)


def invoice_ref(id_: str) -> ObjectRef:
    return ObjectRef(app=APP, type="invoice", id=id_)


def object_of(answer: Any, key: str, id_field: str, lost: type[EffectError] = InDoubt) -> tuple[str, Mapping[str, Any]]:
    """The object of an answer, with its id. Raises `lost` where a success names no object: it exists, but which?"""
    record = answer.get(key)
    id_ = text(record, id_field) if isinstance(record, dict) else ""
    if not id_:
        raise lost(f"Zoho Books answered with success but without {key}.{id_field}", code="no_id")
    return id_, record


def older(version: str, than: str) -> bool:
    """Whether `version` is surely older. Versions are numbers or ISO 8601 times; where they can't be compared, no."""
    if not version or not than:
        return False
    numbers = _number(version), _number(than)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] < numbers[1]
    times = _time(version), _time(than)
    return times[0] is not None and times[1] is not None and times[0] < times[1]


def _number(version: str) -> Decimal | None:
    try:
        number = Decimal(version)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _time(version: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(version)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
