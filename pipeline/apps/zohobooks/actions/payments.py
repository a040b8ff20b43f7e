"""Payments: recorded once under our unique field, against what is open of their invoices; deleted by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Park, Plan, Refuse, Request, Session, Skip, Unchanged, View
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.actions.common import amount_of, object_of, read, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, content, find
from pipeline.apps.zohobooks.amounts import added, check_amount, decimals_of, plain, rounded
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.documents import time_zone
from pipeline.apps.zohobooks.lookup import LOOK_UP, ours
from pipeline.apps.zohobooks.modules import INVOICE, PAYMENT
from pipeline.apps.zohobooks.receipts import payment_body, payment_hash
from pipeline.apps.zohobooks.versions import DELETED as GONE
from pipeline.apps.zohobooks.versions import version_of
from pipeline.apps.zohobooks.ways import way_of, without_field
from pipeline.apps.zohobooks.wire import keyed, request, text
from pipeline.errors import Refused, Retry
from pipeline.schemas.documents import Payment
from pipeline.schemas.records import ObjectRef

DELETED = "deleted"
ZERO = Decimal(0)
MOST_INVOICES = 20
"""Of one payment: what is open of each may have to be read."""


class RecordPaymentInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`payment` is what came in, `source` the object it is mapped to, `customer_id` Zoho's id of who paid.

    The invoices that it settles are found by their mappings. `unmapped`: wait for one that is not booked (``wait``:
    while that may be under way, then leave the payment; ``park``: until it is), leave its part out, or leave it with
    the customer as a credit. `settled`: what is no longer open of an invoice is left out, kept as a credit of the
    customer, or refused.
    """

    payment: Payment
    source: ObjectRef
    customer_id: str
    unmapped: Literal["wait", "park", "credit", "leave_out"] = "park"
    settled: Literal["leave_out", "credit", "refuse"] = "leave_out"


class RecordPaymentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that is there now; `payment_id` is "" where there was nothing to pay."""

    payment_id: str
    amount: str


class DeletePaymentInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`payment_id` is Zoho's, or `source` the object that the payment is mapped to."""

    payment_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "skip"


class DeletePaymentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that is no more."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class _Paid:
    """`parts` are what the payment gives to each invoice, by Zoho's id; `key` is ours of it."""

    settings: ZohoBooksSettings
    body: Mapping[str, Any]
    parts: Mapping[str, Decimal]
    amount: Decimal
    key: str
    settled: str
    field: str
    keyed: bool

    def request(self, body: Mapping[str, Any]) -> Request:
        if not self.keyed:
            return request(self.settings, "POST", "customerpayments", body=body)
        return request(
            self.settings, "PUT", "customerpayments", headers=keyed(self.settings.payment_field, self.key), body=body
        )


class RecordPayment:
    """Record a payment against the invoices it settles, as far as they are open.

    Safe to repeat: Zoho takes one payment under our unique field. What is asked for is the whole payment; only where
    Zoho refuses that, because less is open, the payment is looked up, and then what is open is paid.
    """

    name: ClassVar[str] = "record_payment"
    title: ClassVar[str] = "Record a customer's payment"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "Zoho takes one payment under our unique field."
    calls: ClassVar[str] = "1; where less is open than was paid 3, and 1 an invoice; 0 where it is mapped"
    input: type[RecordPaymentInput] = RecordPaymentInput
    output: type[RecordPaymentOutput] = RecordPaymentOutput

    def plan(self, input: RecordPaymentInput, view: View) -> Plan:
        settings, payment = settings_of(view), input.payment
        digest = payment_hash(payment)
        mapped = view.mapped(input.source)
        if mapped is not None:
            if content(mapped.hash) not in ("", digest):
                return Refuse(
                    f"payment {payment.id} is recorded in Zoho Books as {mapped.other.id} and has changed since: "
                    "correct it there, or delete it and record a new one",
                    cause="conflict",
                    code="already_recorded",
                )
            return Unchanged({"payment_id": mapped.other.id, "amount": plain(payment.amount)}, mapped.other)
        wrong = self._wrong(input)
        if wrong is not None:
            return wrong
        decimals = decimals_of(payment.currency, settings, view.profile)
        parts: dict[str, Decimal] = {}
        unknown = ZERO
        for allocation in payment.allocations:
            ref = ObjectRef(app=input.source.app, type=INVOICE.noun, id=allocation.invoice)
            invoice, part = view.mapped(ref), rounded(allocation.amount, decimals)
            if invoice is not None:
                parts[invoice.other.id] = parts.get(invoice.other.id, ZERO) + part
            elif input.unmapped in ("wait", "park"):
                message = f"waits until invoice {allocation.invoice} is booked in Zoho Books"
                return Park(ref, message, passable=input.unmapped == "wait")
            elif input.unmapped == "leave_out":
                unknown += part
        whole = rounded(payment.amount, decimals)
        parts = {id_: part for id_, part in parts.items() if part}
        if not whole or added((unknown, *parts.values())) > whole:
            return Refuse(
                f"payment {payment.id} of {plain(payment.amount)} {payment.currency} cannot be told in the currency's "
                "smallest unit: it comes to nothing, or its parts to more",
                cause="amount",
            )
        amount = whole - unknown
        if amount <= 0:
            return Skip(f"none of the invoices that payment {payment.id} settles is booked in Zoho Books")
        way = way_of("payment", settings, view.profile)
        if not way.keyed and settings.unique_field == "required":
            return without_field("payment", settings)
        body, warnings = payment_body(
            payment,
            amount=amount,
            parts=parts,
            key=input.source.id,
            customer_id=input.customer_id,
            settings=settings,
            way=way,
            zone=time_zone(view.profile),
        )
        if unknown:
            warnings.append(f"{plain(unknown)} of the payment are for invoices that are not booked, and were left out")
        paid = _Paid(settings, body, parts, amount, input.source.id, input.settled, way.field, way.keyed)
        return Call(
            "create",
            paid.request(body),
            most=2 + 2 * LOOK_UP + len(parts),
            source=input.source,
            hash=digest,
            version=payment.version,
            state=paid,
            warnings=warnings,
        )

    def _wrong(self, input: RecordPaymentInput) -> Refuse | None:
        payment = input.payment
        check_amount(payment.amount, "the payment")
        for allocation in payment.allocations:
            check_amount(allocation.amount, f"the part for invoice {allocation.invoice}")
        if not input.customer_id:
            return Refuse("no customer_id: let a step before this one give the customer", code="customer")
        if payment.amount <= 0 or any(each.amount <= 0 for each in payment.allocations):
            return Refuse(f"payment {payment.id} has an amount that is not above zero", cause="amount")
        if sum((each.amount for each in payment.allocations), ZERO) > payment.amount:
            return Refuse(f"payment {payment.id} gives its invoices more than it came to", cause="amount")
        if len(payment.allocations) > MOST_INVOICES:
            return Refuse(f"payment {payment.id} settles more than {MOST_INVOICES} invoices: split it", cause="amount")
        return None

    async def apply(self, call: Call, session: Session) -> Applied:
        paid: _Paid = call.state
        found = None if paid.keyed else await _held(session, paid)
        settled, warnings = ("lookup" if found else ""), list(call.warnings)
        if found is None:
            try:
                found = await _send(session, paid, paid.body)
            except Refused as error:
                if error.code in NOT_OF_THE_BALANCE or error.cause == "not_found":
                    raise
                found = await _held(session, paid)
                settled = "lookup" if found else ""
                if found is None:
                    found = await _pay_what_is_open(session, paid, warnings, error)
        if found is None:
            return Applied("unchanged", {"payment_id": "", "amount": "0"}, warnings=warnings)
        ref = PAYMENT.ref(text(found, "payment_id"))
        output = {"payment_id": ref.id, "amount": plain(amount_of(found, "amount"))}
        pair = Pair(call.source, ref, call.hash, call.version, theirs=version_of(found)) if call.source else None
        return Applied("created", output, ref, pair, warnings, settled=settled)


NOT_OF_THE_BALANCE = frozenset((faults.TOO_LONG,))
"""Refusals that surely do not say that less is open."""


class DeletePayment:
    """Delete a payment: what it settled is open again.

    Safe to repeat: a payment that is no more counts as deleted.
    """

    name: ClassVar[str] = "delete_payment"
    title: ClassVar[str] = "Delete a customer's payment"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "A payment that is no more counts as deleted."
    calls: ClassVar[str] = "1; 0 where we did it before"
    input: type[DeletePaymentInput] = DeletePaymentInput
    output: type[DeletePaymentOutput] = DeletePaymentOutput

    def plan(self, input: DeletePaymentInput, view: View) -> Plan:
        target = find(view, PAYMENT, input.payment_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        if target.mark == DELETED:
            return Unchanged({"payment_id": target.id}, target.ref)
        call = request(settings_of(view), "DELETE", PAYMENT.path, target.id)
        return Call("write", call, source=target.source, state=target)

    async def apply(self, call: Call, session: Session) -> Applied:
        target: Target = call.state
        done = "written"
        try:
            await session.send(call.request)
        except Refused as error:
            if error.cause != "not_found":
                raise
            done = "unchanged"
        pair = target.pair(DELETED)
        if pair is not None:
            pair = replace(pair, theirs=GONE)
        return Applied(done, {"payment_id": target.id}, target.ref, pair)


async def _send(session: Session, paid: _Paid, body: Mapping[str, Any]) -> Mapping[str, Any]:
    return object_of(await session.send(paid.request(body)), PAYMENT.key, PAYMENT.id)[1]


async def _held(session: Session, paid: _Paid) -> Mapping[str, Any] | None:
    """Our payment, if there is one already."""
    return await ours(session, paid.settings, PAYMENT, str(paid.body["reference_number"]), paid.field, paid.key)


async def _pay_what_is_open(
    session: Session, paid: _Paid, warnings: list[str], refused: Refused
) -> Mapping[str, Any] | None:
    """The payment over what is open of each invoice now; None where nothing is and nothing is left beside it."""
    parts: dict[str, Decimal] = {}
    for id_, part in paid.parts.items():
        invoice = await read(session, paid.settings, INVOICE, id_)
        balance = ZERO if text(invoice, "status") == "void" else amount_of(invoice, "balance")
        parts[id_] = max(ZERO, min(part, balance))
    short = sum(paid.parts.values(), ZERO) - sum(parts.values(), ZERO)
    if not short or paid.settled == "refuse":
        raise refused
    kept = {id_: part for id_, part in parts.items() if part}
    amount = paid.amount if paid.settled == "credit" else paid.amount - short
    what = "stay with the customer as a credit" if paid.settled == "credit" else "were not recorded"
    warnings.append(f"{plain(short)} of the payment are settled already in Zoho Books and {what}")
    if amount <= 0:
        return None
    rows = [{"invoice_id": id_, "amount_applied": part} for id_, part in kept.items()]
    try:
        return await _send(session, paid, {**paid.body, "amount": amount, "invoices": rows})
    except Refused as error:
        if error.code != refused.code:
            raise
        raise Retry("less became open while it was looked at", code=error.code) from error
