"""Reads: the object itself, for a hint that becomes an event, or for a flow that looks something up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Session, View
from pipeline.apps.togai.actions.common import LISTS, read, ref
from pipeline.apps.togai.actions.invoice_status import status_of
from pipeline.apps.togai.actions.target import Missing, Target, find
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT, CREDIT, CUSTOMER, INVOICE, PAYMENT
from pipeline.apps.togai.triggers import ORDER, STATES
from pipeline.apps.togai.versions import version_of
from pipeline.errors import Refused
from pipeline.schemas import togai
from pipeline.schemas.records import ObjectRef

TREES = frozenset({"revenueInfo", "usageInfo"})


class GetInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is the tenant's own for accounts and customers, Togai's for what else there is; or `source` is the object
    that it is mapped to, and `missing` says what to do where there is none.
    """

    id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "refuse"


def _without_trees(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What of an object a later step may read."""
    kept = [field for field in msgspec.structs.fields(shape) if field.encode_name not in TREES]
    made = msgspec.defstruct(
        f"{shape.__name__}Output",
        [(field.name, field.type, msgspec.field(default=None, name=field.encode_name)) for field in kept],
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = shape.__doc__
    return made


async def whole(session: Session, noun: str, id_: str) -> Mapping[str, Any]:
    """An object as an event has it: an account brings its customer along where it lacks e-mail or address.

    Raises `Refused` where it is no more.
    """
    data = await read(session, noun, id_)
    if data["id"] != id_:
        raise Refused(f"Togai's answer is not the {noun} {id_}", cause="unexpected")
    parent = data.get("customerId")
    if noun != ACCOUNT or (data.get("primaryEmail") and data.get("address")) or not parent:
        return data
    return {**data, CUSTOMER: await read(session, CUSTOMER, str(parent))}


def also_of(noun: str, data: Mapping[str, Any]) -> Sequence[str]:
    """The triggers that an object is an event of beside the one that it was fetched for."""
    if noun != INVOICE:
        return ()
    kinds = (STATES.get(status_of(data), ""), ORDER if data.get("invoiceClass") == "ORDER" else "")
    return [kind for kind in kinds if kind]


class _Get:
    """Get one object. `Applied.data` is the whole of it; the output leaves an invoice's trees out."""

    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = "It only reads."
    calls: ClassVar[str] = "1 read"
    input = GetInput
    output: ClassVar[type[msgspec.Struct]]
    object: ClassVar[str]

    def plan(self, input: GetInput, view: View) -> Plan:
        target = find(view, self.object, input.id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        return Call("read", request("GET", LISTS[self.object], target.id), state=target)

    async def apply(self, call: Call, session: Session) -> Applied:
        data = await whole(session, self.object, call.state.id)
        return Applied(
            "read",
            output={key: value for key, value in data.items() if key not in TREES},
            object=ref(self.object, call.state.id),
            data=data,
            sourceversion=version_of(self.object, data),
            also=also_of(self.object, data),
        )


class GetAccount(_Get):
    """Get an account; its customer too where it lacks email or address, as both are optional on accounts."""

    name: ClassVar[str] = "get_account"
    title: ClassVar[str] = "Get an account"
    calls: ClassVar[str] = "1 read; 1 more where the account lacks email or address"
    output = togai.Account
    object = ACCOUNT

    def plan(self, input: GetInput, view: View) -> Plan:
        plan = super().plan(input, view)
        return replace(plan, most=2) if isinstance(plan, Call) else plan


class GetCustomer(_Get):
    """Get a customer."""

    name: ClassVar[str] = "get_customer"
    title: ClassVar[str] = "Get a customer"
    output = togai.Customer
    object = CUSTOMER


class GetInvoice(_Get):
    """Get an invoice with its tree of lines, which lists of invoices leave out."""

    name: ClassVar[str] = "get_invoice"
    title: ClassVar[str] = "Get an invoice"
    output = _without_trees(togai.Invoice)
    object = INVOICE


class GetPayment(_Get):
    """Get a payment as it is now."""

    name: ClassVar[str] = "get_payment"
    title: ClassVar[str] = "Get a payment"
    output = togai.Payment
    object = PAYMENT


class GetCredit(_Get):
    """Get a credit with what is used of it."""

    name: ClassVar[str] = "get_credit"
    title: ClassVar[str] = "Get a credit"
    output = togai.Credit
    object = CREDIT
