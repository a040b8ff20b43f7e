"""What the actions share: references, and reading an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT, CREDIT, CUSTOMER, INVOICE, PAYMENT
from pipeline.errors import EffectError, InDoubt, Refused, Retry
from pipeline.schemas.records import ObjectRef

APP = "togai"
LISTS: Mapping[str, str] = {
    ACCOUNT: "accounts",
    CUSTOMER: "customers",
    INVOICE: "invoices",
    PAYMENT: "payments",
    CREDIT: "credits",
}
"""Where an object is, by Togai's noun for it."""


def ref(noun: str, id_: str) -> ObjectRef:
    return ObjectRef(app=APP, type=noun, id=id_)


def object_of(answer: Any, noun: str, lost: type[EffectError] = InDoubt) -> Mapping[str, Any]:
    """The object that an answer is. Raises `lost` where a success holds none: it exists, but which?"""
    if isinstance(answer, dict) and isinstance(answer.get("id"), str) and answer["id"]:
        return answer
    raise lost(f"Togai answered with success but without the {noun}", code="no_id")


async def read(session: Session, noun: str, id_: str) -> Mapping[str, Any]:
    """An object as it is now. Raises `Refused` (``not_found``) where it is no more."""
    return object_of(await session.send(request("GET", LISTS[noun], id_)), noun, lost=Retry)


async def look(session: Session, noun: str, id_: str) -> Mapping[str, Any] | None:
    """An object as it is now, None where there is none."""
    try:
        return await read(session, noun, id_)
    except Refused as error:
        if error.cause != "not_found":
            raise
        return None
