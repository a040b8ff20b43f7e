"""Accounts, the ones that are billed: made of a party once, brought up to date, archived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Superseded, Unchanged, View
from pipeline.apps.togai.actions.common import look, object_of, read, ref
from pipeline.apps.togai.actions.target import Missing, Target, find
from pipeline.apps.togai.bodies import account_fields, carries, changes, checked_id, mark
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT
from pipeline.apps.togai.versions import version_of
from pipeline.apps.twofold import with_inbound
from pipeline.apps.versions import older
from pipeline.errors import InDoubt, Refused
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

ARCHIVED = "ARCHIVED"


class CreateAccountInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is who is billed, `source` the object that the account is mapped to, `customer_id` its customer's id.

    `account_id` is the id that it gets; without it, the source's.
    """

    party: Party
    source: ObjectRef
    customer_id: str
    account_id: str = ""


class UpdateAccountInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is how it should be, `source` the object that the account is mapped to, `account_id` Togai's id of it.

    `missing` says what to do where there is none.
    """

    party: Party
    source: ObjectRef
    account_id: str = ""
    missing: Missing = "skip"


class ArchiveAccountInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`account_id` is Togai's, or `source` the object that the account is mapped to.

    `confirm` has to be true: what was archived comes back by hand only.
    """

    account_id: str = ""
    source: ObjectRef | None = None
    confirm: bool = False
    missing: Missing = "skip"


class AccountOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The account that is there now. `customer_id` is "" where no call was needed to know the account."""

    account_id: str
    customer_id: str
    status: str


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account as it should be: its fields without id and currency, which never change."""

    id: str
    fields: Mapping[str, Any]
    currency: str
    source: ObjectRef

    @property
    def digest(self) -> str:
        return content_hash(self.fields)

    def body(self) -> dict[str, Any]:
        """Of a new one: with what tells that it is ours."""
        metadata = {**self.fields.get("metadata", {}), **mark(self.source)}
        currency = {"invoiceCurrency": self.currency} if self.currency else {}
        return {"id": self.id, **self.fields, **currency, "metadata": metadata}

    def check(self, found: Mapping[str, Any]) -> None:
        """Raises `Refused` where the account that is there cannot be this one."""
        currency = found.get("invoiceCurrency")
        if self.currency and currency and currency != self.currency:
            raise Refused(
                f"account {self.id} in Togai is billed in {currency}, not in {self.currency}: an account keeps its "
                "currency, use another one",
                cause="currency",
            )
        if found.get("status") == ARCHIVED:
            raise Refused(f"account {self.id} in Togai is archived: it is not changed", cause="conflict", code=ARCHIVED)

    async def adopt(self, session: Session, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """One that is there under our id, if it is ours: brought up to date. Raises `Refused` where it is not."""
        if not carries(found, self.source):
            name, id_ = next(iter(mark(self.source).items()))
            raise Refused(
                f"account {self.id} is there in Togai and is not the one of {self.source.type} {self.source.id}: give "
                f"another account_id, or set {name} to {id_} in its metadata if it is",
                cause="conflict",
                code="id_taken",
            )
        return await self.update(session, found)

    async def update(self, session: Session, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """`found` itself where it holds all that is wanted."""
        self.check(found)
        changed = changes(self.fields, found)
        if not changed:
            return found
        return object_of(await session.send(request("PATCH", "accounts", self.id, body=changed)), ACCOUNT)


def wanted_account(party: Party, source: ObjectRef, id_: str) -> tuple[WantedAccount, list[str]]:
    """Raises `Refused` where Togai would not take it."""
    fields, warnings = account_fields(party)
    return WantedAccount(checked_id(id_, ACCOUNT), fields, party.currency, source), warnings


class CreateAccount:
    """Create an account of a customer that is there. One that is mapped is left as it is.

    Safe to repeat: the account is read by its id first. One that carries our mark in its metadata is ours; any other
    is refused.
    """

    name: ClassVar[str] = "create_account"
    title: ClassVar[str] = "Create an account of a customer"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The account is read by its id first; Togai takes an id once, and our mark tells it is ours."
    calls: ClassVar[str] = "2; 0 where it is mapped"
    input: type[CreateAccountInput] = CreateAccountInput
    output: type[AccountOutput] = AccountOutput

    def plan(self, input: CreateAccountInput, view: View) -> Plan:
        mapped = view.mapped(input.source)
        if mapped is not None:
            return Unchanged(_known(mapped.other.id, input.customer_id), mapped.other)
        wanted, warnings = wanted_account(input.party, input.source, input.account_id or input.source.id)
        customer_id = checked_id(input.customer_id, "customer of the account")
        return Call(
            "create",
            request("POST", "accounts", body={**wanted.body(), "customerId": customer_id}),
            most=2,
            source=input.source,
            hash=with_inbound(wanted.digest),
            version=input.party.version,
            state=wanted,
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        wanted: WantedAccount = call.state
        found, settled = await look(session, ACCOUNT, wanted.id), ""
        if found is None:
            found = object_of(await session.send(call.request), ACCOUNT)
        else:
            found, settled = await wanted.adopt(session, found), "lookup"
        return Applied(
            "created", output(found), ref(ACCOUNT, wanted.id), made(call, found), call.warnings, settled=settled
        )


class UpdateAccount:
    """Bring an account up to date: only what differs is written, and what the party does not say stays.

    Safe to repeat: the account is read first, and one that holds all of it is left as it is. `metadata` is merged.
    """

    name: ClassVar[str] = "update_account"
    title: ClassVar[str] = "Update an account"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The account is read first, and only what differs is written."
    calls: ClassVar[str] = "2; 1 where nothing differs; 0 where we wrote it before"
    input: type[UpdateAccountInput] = UpdateAccountInput
    output: type[AccountOutput] = AccountOutput

    def plan(self, input: UpdateAccountInput, view: View) -> Plan:
        target = find(view, ACCOUNT, input.account_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        wanted, warnings = wanted_account(input.party, input.source, target.id)
        version = input.party.version
        if target.applied == wanted.digest:
            return Unchanged(_known(target.id), target.ref, newer(target, version, view))
        if target.outdated(version):
            return Superseded(_known(target.id), target.ref)
        return Call(
            "update",
            request("PATCH", "accounts", target.id, body=wanted.fields),
            most=2,
            source=input.source,
            version=version,
            diff=wanted.fields,
            state=(wanted, target),
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        wanted, target = call.state
        found = await read(session, ACCOUNT, target.id)
        after = await wanted.update(session, found)
        done = "unchanged" if after is found else "updated"
        pair = target.pair(after, applied=wanted.digest, version=call.version)
        return Applied(done, output(after), target.ref, pair, call.warnings)


class ArchiveAccount:
    """Archive an account. Togai takes it only without a price plan and without an ongoing invoice.

    Safe to repeat: the account is read first, and one that is archived is left as it is.
    """

    name: ClassVar[str] = "archive_account"
    title: ClassVar[str] = "Archive an account"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The account is read first; one that is archived is left as it is."
    calls: ClassVar[str] = "3; 1 where it is archived"
    input: type[ArchiveAccountInput] = ArchiveAccountInput
    output: type[AccountOutput] = AccountOutput

    def plan(self, input: ArchiveAccountInput, view: View) -> Plan:
        target = find(view, ACCOUNT, input.account_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        if not input.confirm:
            return Refuse(
                f"account {target.id} is not archived unasked: set confirm to true in the flow", code="confirm"
            )
        return Call("write", request("DELETE", "accounts", target.id), most=3, source=target.source, state=target)

    async def apply(self, call: Call, session: Session) -> Applied:
        target: Target = call.state
        found, done = await read(session, ACCOUNT, target.id), "unchanged"
        if found.get("status") != ARCHIVED:
            await session.send(call.request)
            found, done = await read(session, ACCOUNT, target.id), "written"
        return Applied(done, output(found), target.ref, target.pair(found))


def output(account: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account_id": str(account.get("id", "")),
        "customer_id": str(account.get("customerId") or ""),
        "status": str(account.get("status") or ""),
    }


def made(call: Call, account: Mapping[str, Any]) -> Pair:
    """The pair of an account that was created for `call.source`. Raises `InDoubt` where the answer is not it."""
    if call.source is None or not account.get("id"):
        raise InDoubt("the account that was created is not known", code="no_id")
    there = ref(ACCOUNT, str(account["id"]))
    return Pair(call.source, there, call.hash, call.version, theirs=version_of(ACCOUNT, account))


def newer(target: Target, version: str, view: View) -> Pair | None:
    """The pair with a newer version of the same state, so that what is older than it stays superseded."""
    mapped = target.mapped
    if (
        target.source is None
        or mapped is None
        or not version
        or not (mapped.version == "" or older(mapped.version, version))
    ):
        return None
    back = view.mapped(mapped.other)
    theirs = back.version if back is not None and back.ours else ""
    return Pair(target.source, mapped.other, mapped.hash, version, theirs)


def _known(id_: str, customer_id: str = "") -> dict[str, Any]:
    """The output without a call."""
    return {"account_id": id_, "customer_id": customer_id, "status": ""}
