"""Customers, the parents of accounts. Togai makes a customer and its first account in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Mapped, Park, Plan, Refuse, Session, Skip, Superseded, Unchanged, View
from pipeline.apps.togai.actions.accounts import ARCHIVED, WantedAccount, made, wanted_account
from pipeline.apps.togai.actions.common import look, object_of, read, ref
from pipeline.apps.togai.actions.target import Missing, Target, find
from pipeline.apps.togai.bodies import changes, checked_id, customer_fields
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT, CUSTOMER
from pipeline.apps.twofold import with_inbound
from pipeline.errors import InDoubt, Refused
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef


class CreateCustomerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is who it is, `source` the object that its first account is mapped to.

    `customer_id` and `account_id` are the ids that they get: without them, the source's for both.
    """

    party: Party
    source: ObjectRef
    customer_id: str = ""
    account_id: str = ""


class UpdateCustomerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is how it should be. `customer_id` is Togai's, or `source` what it or its account is mapped to.

    `missing` says what to do where there is none.
    """

    party: Party
    source: ObjectRef | None = None
    customer_id: str = ""
    missing: Missing = "skip"


class CustomerOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The customer and its account. Either is "" where it is not known without a call."""

    customer_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class _New:
    customer_id: str
    account: WantedAccount


class CreateCustomer:
    """Create a customer with its first account. Where the account is mapped, both are left as they are.

    Safe to repeat: both are read by their ids first. An account that carries our mark in its metadata is ours, and is
    brought up to date; any other is refused.
    """

    name: ClassVar[str] = "create_customer"
    title: ClassVar[str] = "Create a customer with its first account"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "Both are read by their ids first; Togai takes an id once, and our mark tells it is ours."
    calls: ClassVar[str] = "3; 0 where it is mapped"
    input: type[CreateCustomerInput] = CreateCustomerInput
    output: type[CustomerOutput] = CustomerOutput

    def plan(self, input: CreateCustomerInput, view: View) -> Plan:
        customer_id = input.customer_id or input.source.id
        account_id = input.account_id or customer_id
        mapped = view.mapped(input.source)
        if mapped is not None:
            return Unchanged(_known(mapped, customer_id, account_id), mapped.other)
        party = input.party
        if not party.email:
            return Refuse(
                f"Togai takes no customer without an e-mail address: {party.name[:80]!r} has none", code="email"
            )
        account, warnings = wanted_account(party, input.source, account_id)
        fields, _ = customer_fields(party)
        body = {"id": checked_id(customer_id, CUSTOMER), "address": {}, **fields, "account": account.body()}
        return Call(
            "create",
            request("POST", "customers", body=body),
            most=4,
            source=input.source,
            hash=with_inbound(account.digest),
            version=party.version,
            state=_New(customer_id, account),
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        new: _New = call.state
        there = await look(session, CUSTOMER, new.customer_id) is not None
        if not there:
            await session.send(call.request)
        account = await look(session, ACCOUNT, new.account.id)
        if account is None and not there:
            raise InDoubt(f"Togai took customer {new.customer_id} and does not show its account yet", code="no_account")
        if account is None or account.get("customerId") != new.customer_id:
            raise Refused(
                f"customer {new.customer_id} is there in Togai, without an account {new.account.id} of its own: create "
                "the account by create_account, or give other ids",
                cause="conflict",
                code="id_taken",
            )
        if there:
            account = await new.account.adopt(session, account)
        output = {"customer_id": new.customer_id, "account_id": new.account.id}
        settled = "lookup" if there else ""
        object_ = ref(ACCOUNT, new.account.id)
        return Applied("created", output, object_, made(call, account), call.warnings, settled=settled)


class UpdateCustomer:
    """Bring a customer's name, e-mail and address up to date; what the party does not say stays.

    Safe to repeat: the customer is read first, and one that holds all of it is left as it is.
    """

    name: ClassVar[str] = "update_customer"
    title: ClassVar[str] = "Update a customer"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The customer is read first, and only what differs is written."
    calls: ClassVar[str] = "2; 1 where nothing differs; 1 more where only its account is mapped"
    input: type[UpdateCustomerInput] = UpdateCustomerInput
    output: type[CustomerOutput] = CustomerOutput

    def plan(self, input: UpdateCustomerInput, view: View) -> Plan:
        target = _target(input, view)
        if not isinstance(target, Target):
            return target
        fields, warnings = customer_fields(input.party)
        version = input.party.version
        if target.outdated(version):
            return Superseded(_output(target, target.id if target.noun == CUSTOMER else ""), target.ref)
        if target.noun == CUSTOMER and target.applied and target.applied == content_hash(fields):
            return Unchanged(_output(target, target.id), target.ref)
        sent = request("PATCH", "customers", target.id, body=fields)
        if target.noun == ACCOUNT:
            sent = request("GET", "accounts", target.id)
        return Call(
            "update",
            sent,
            most=3,
            source=target.source if target.noun == CUSTOMER else None,
            version=version,
            diff=fields,
            state=(target, fields),
            warnings=warnings,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        target, fields = call.state
        id_ = target.id
        if target.noun == ACCOUNT:
            id_ = str((await read(session, ACCOUNT, target.id)).get("customerId") or "")
        found, done = await read(session, CUSTOMER, id_), "unchanged"
        if found.get("status") == ARCHIVED:
            raise Refused(f"customer {id_} in Togai is archived: it is not changed", cause="conflict", code=ARCHIVED)
        if changed := changes(fields, found):
            answer = await session.send(request("PATCH", "customers", id_, body=changed))
            found, done = object_of(answer, CUSTOMER), "updated"
        applied = content_hash(fields)
        pair = target.pair(found, applied=applied, version=call.version) if target.noun == CUSTOMER else None
        return Applied(done, _output(target, id_), ref(CUSTOMER, id_), pair, call.warnings)


def _target(input: UpdateCustomerInput, view: View) -> Target | Park | Skip | Refuse:
    """The customer, or else the account whose customer it is: an account is what is mapped, most of the time."""
    if not input.customer_id and input.source is not None:
        account = find(view, ACCOUNT, "", input.source)
        if isinstance(account, Target):
            return account
    return find(view, CUSTOMER, input.customer_id, input.source, input.missing)


def _known(mapped: Mapped, customer_id: str, account_id: str) -> Mapping[str, Any]:
    """The output without a call: the customer's id only where it is the one that we would have given."""
    if mapped.other.type == CUSTOMER:
        return {"customer_id": mapped.other.id, "account_id": ""}
    return {"customer_id": customer_id if mapped.other.id == account_id else "", "account_id": mapped.other.id}


def _output(target: Target, customer_id: str) -> dict[str, Any]:
    return {"customer_id": customer_id, "account_id": target.id if target.noun == ACCOUNT else ""}
