"""Whose object it becomes: the account that a document's party is mapped to, billed in the document's currency."""

from __future__ import annotations

from pipeline.apps.base import Park, Refuse, Session, Skip, View
from pipeline.apps.togai.actions.common import read
from pipeline.apps.togai.actions.target import Missing
from pipeline.apps.togai.documents import ACCOUNT
from pipeline.errors import Refused
from pipeline.schemas.documents import Party
from pipeline.schemas.records import ObjectRef


def account_of(view: View, app: str, party: Party, account_id: str, missing: Missing) -> str | Park | Skip | Refuse:
    """The account's id: the given one, or that of the counterpart of `party` of `app`; or what to do without."""
    if account_id:
        return account_id
    there = ObjectRef(app=app, type=party.type, id=party.id)
    mapped, what = view.mapped(there), f"{party.type} {party.id}"
    if mapped is not None and mapped.other.type == ACCOUNT:
        return mapped.other.id
    if mapped is not None:
        return Refuse(
            f"{what} is mapped to {mapped.other.type} {mapped.other.id}, and an account is needed: give account_id",
            cause="conflict",
            code="not_an_account",
        )
    if missing in ("wait", "park"):
        return Park(there, f"waits until {what} has an account in Togai", passable=missing == "wait")
    if missing == "skip":
        return Skip(f"{what} has no account in Togai")
    return Refuse(f"{what} has no account in Togai", cause="not_found", code="not_mapped")


async def check_currency(session: Session, account_id: str, currency: str) -> None:
    """Raises `Refused` where the account is not billed in `currency`: Togai would take the amount for another money."""
    found = (await read(session, ACCOUNT, account_id)).get("invoiceCurrency")
    if found and currency and found != currency:
        raise Refused(f"account {account_id} in Togai is billed in {found}, not in {currency}", cause="currency")
