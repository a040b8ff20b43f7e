"""The version of an object: the time of its last change where Togai tells it, else what tells its states apart.

Accounts have neither version nor times, so theirs is a hash of their content: the same content has the same version
again, whatever lay between (`Trigger.returns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pipeline.apps.togai.documents import ACCOUNT, CREDIT, PAYMENT, version
from pipeline.schemas.envelope import content_hash

ACCOUNT_CONTENT = (
    "name",
    "status",
    "invoiceCurrency",
    "netTermDays",
    "primaryEmail",
    "billingInformation",
    "address",
    "metadata",
    "tags",
)
"""Of an account, what a person can change and a counterpart may follow."""


def version_of(object_: str, data: Any) -> str:
    """The version of an object by Togai's noun for it; "" where it has none."""
    if not isinstance(data, Mapping):
        return ""
    match object_:
        case str() if object_ == ACCOUNT:
            return _of_content(data)
        case str() if object_ == PAYMENT:
            return _of_payment(data)
        case str() if object_ == CREDIT:
            time = _time(data.get("updatedAt")) or _time(data.get("createdAt"))
            status = data.get("status")
            return f"{time};{status}" if time and isinstance(status, str) else time
    return _time(data.get("updatedAt"))


def _of_content(account: Mapping[str, Any]) -> str:
    """Of a whole account only: a body that holds no more than an id says nothing of the content.

    It begins with a letter, so that no version can be taken for a number.
    """
    if not account.get("name"):
        return ""
    return f"h{content_hash({name: kept for name in ACCOUNT_CONTENT if (kept := _kept(account.get(name)))})}"


def _kept(value: Any) -> Any:
    """Without what is empty: Togai leaves such fields out or gives null."""
    if isinstance(value, dict):  # as JSON is decoded: `isinstance` of `Mapping` takes ten times as long
        return {name: kept for name, part in value.items() if (kept := _kept(part))}
    return value


def _of_payment(payment: Mapping[str, Any]) -> str:
    number = payment.get("version")
    if isinstance(number, int) and not isinstance(number, bool):
        return str(number)
    return _time(payment.get("createdAt"))


def _time(found: Any) -> str:
    if not isinstance(found, str):
        return ""
    try:
        return version(msgspec.convert(found, datetime))
    except (msgspec.ValidationError, OverflowError):
        return ""
