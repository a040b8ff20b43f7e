"""Credits, the nearest that Togai has to credit notes: granted once, never edited, voided.

https://docs.togai.com/api-reference/credits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Unchanged, View
from pipeline.apps.togai.actions.common import object_of, read, ref
from pipeline.apps.togai.actions.payer import account_of, check_currency
from pipeline.apps.togai.actions.target import Missing, Target, find
from pipeline.apps.togai.amounts import check_amount, number, plain
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import CREDIT
from pipeline.apps.togai.versions import version_of
from pipeline.apps.twofold import inbound, with_inbound
from pipeline.errors import InDoubt, Refused
from pipeline.schemas.documents import CreditNote
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

VOIDED = "VOIDED"
OVER = frozenset(("CONSUMED", "EXPIRED"))
PRIORITIES = range(1, 101)


class GrantCreditInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`credit_note` is what is owed, `source` the object that the credit is mapped to, whose id is its key.

    `account_id` is who gets it: without it, the account that the note's party is mapped to; `missing` says what to do
    where there is none. `effective_until` is a day, none for no end; `applicable_to` are Togai's ids of what it may pay
    for, none for all; credits of a lower `priority` (1 to 100) are used first.
    """

    credit_note: CreditNote
    source: ObjectRef
    account_id: str = ""
    purpose: str = ""
    effective_until: str = ""
    applicable_to: list[str] = []
    priority: int = 50
    missing: Missing = "park"


class VoidCreditInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`credit_id` is Togai's, or `source` the object that the credit is mapped to."""

    credit_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "skip"


class CreditOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The credit that is there now. The amount is decimal text."""

    credit_id: str
    amount: str
    status: str


@dataclass(frozen=True, slots=True)
class _Granted:
    account_id: str
    currency: str


class GrantCredit:
    """Grant a credit to an account. One that is mapped is never granted again.

    Safe to repeat: Togai takes one credit under our `idempotencyKey`.
    """

    name: ClassVar[str] = "grant_credit"
    title: ClassVar[str] = "Grant a credit to an account"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Togai takes one credit under our idempotencyKey."
    calls: ClassVar[str] = "2; 0 where it is mapped"
    input: type[GrantCreditInput] = GrantCreditInput
    output: type[CreditOutput] = CreditOutput

    def plan(self, input: GrantCreditInput, view: View) -> Plan:
        note = input.credit_note
        digest = content_hash([note.currency, plain(note.total)])
        mapped = view.mapped(input.source)
        if mapped is not None:
            if inbound(mapped.hash) not in ("", digest):
                return Refuse(
                    f"credit note {note.id} is granted in Togai as {mapped.other.id} and has changed since: a credit "
                    "cannot be edited, void it and grant a new one by hand",
                    cause="conflict",
                    code="already_granted",
                )
            return Unchanged({"credit_id": mapped.other.id, "amount": plain(note.total), "status": ""}, mapped.other)
        check_amount(note.total, "the credit")
        if note.total <= 0:
            return Refuse(f"credit note {note.id} has an amount that is not above zero", cause="amount")
        if input.priority not in PRIORITIES:
            return Refuse(f"the priority of a credit is 1 to 100, not {input.priority}", code="priority")
        if input.effective_until and not _is_day(input.effective_until):
            return Refuse(f"effective_until is a day like 2026-12-31, not {input.effective_until[:40]!r}", code="day")
        account_id = account_of(view, input.source.app, note.party, input.account_id, input.missing)
        if not isinstance(account_id, str):
            return account_id
        return Call(
            "create",
            request("POST", "credits", body={"creditRequests": [_body(input, account_id)]}),
            most=2,
            source=input.source,
            hash=with_inbound(digest),
            version=note.version,
            state=_Granted(account_id, note.currency),
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        granted: _Granted = call.state
        await check_currency(session, granted.account_id, granted.currency)
        credit = _first(await session.send(call.request))
        there = ref(CREDIT, str(credit["id"]))
        assert call.source is not None
        pair = Pair(call.source, there, call.hash, call.version, theirs=version_of(CREDIT, credit))
        return Applied("created", _output(credit), there, pair)


class VoidCredit:
    """Void a credit: what is left of it is gone. One that is used up or expired is refused.

    Safe to repeat: the credit is read first, and one that is voided is left as it is.
    """

    name: ClassVar[str] = "void_credit"
    title: ClassVar[str] = "Void a credit"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The credit is read first; one that is voided is left as it is."
    calls: ClassVar[str] = "3; 1 where it is voided"
    input: type[VoidCreditInput] = VoidCreditInput
    output: type[CreditOutput] = CreditOutput

    def plan(self, input: VoidCreditInput, view: View) -> Plan:
        target = find(view, CREDIT, input.credit_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        return Call("write", request("POST", "credits", target.id, "void"), most=3, source=target.source, state=target)

    async def apply(self, call: Call, session: Session) -> Applied:
        target: Target = call.state
        credit, done = await read(session, CREDIT, target.id), "unchanged"
        if credit.get("status") in OVER:
            raise Refused(
                f"credit {target.id} in Togai is {credit['status']}: nothing of it is left to void",
                cause="conflict",
                code=str(credit["status"]),
            )
        if credit.get("status") != VOIDED:
            await session.send(call.request)
            credit, done = await read(session, CREDIT, target.id), "written"
        return Applied(done, _output(credit), target.ref, target.pair(credit))


def _body(input: GrantCreditInput, account_id: str) -> dict[str, Any]:
    note = input.credit_note
    body: dict[str, Any] = {
        "accountId": account_id,
        "purpose": input.purpose or note.reason or f"Credit note {note.number or note.id}",
        "effectiveFrom": note.issued.date().isoformat(),
        "creditAmount": note.total,
        "priority": input.priority,
        "idempotencyKey": input.source.id,
    }
    if input.applicable_to:
        body["applicableEntityIds"] = input.applicable_to
    if input.effective_until:
        body["effectiveUntil"] = input.effective_until
    return body


def _first(answer: Any) -> Mapping[str, Any]:
    """The one credit that was asked for. Raises `InDoubt` where a success does not show it."""
    rows = answer.get("credits") if isinstance(answer, dict) else None
    return object_of(rows[0] if isinstance(rows, list) and rows else None, CREDIT, lost=InDoubt)


def _output(credit: Mapping[str, Any]) -> dict[str, Any]:
    amount = plain(number(credit.get("creditAmount")))
    return {"credit_id": str(credit["id"]), "amount": amount, "status": str(credit.get("status") or "")}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
