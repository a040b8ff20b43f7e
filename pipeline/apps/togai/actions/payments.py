"""Payments: recorded once, against what is open of their invoices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Park, Plan, Refuse, Request, Session, Skip, Unchanged, View
from pipeline.apps.togai.actions.common import object_of, read, ref
from pipeline.apps.togai.actions.invoice_status import TRANSITIONS, WHY, status_of
from pipeline.apps.togai.actions.payer import account_of
from pipeline.apps.togai.actions.target import Missing
from pipeline.apps.togai.amounts import ZERO, added, check_amount, number, plain
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import INVOICE, PAYMENT
from pipeline.apps.togai.lists import page
from pipeline.apps.togai.receipts import payment_body, payment_hash
from pipeline.apps.togai.versions import version_of
from pipeline.apps.twofold import inbound, with_inbound
from pipeline.errors import Refused
from pipeline.schemas.documents import Payment
from pipeline.schemas.records import ObjectRef

MOST_INVOICES = 50
"""Of one payment."""
READS = 4
"""Invoices that are read one by one; where there are more, they are looked up in the account's list."""
INVOICE_PAGES = 3
PAYMENT_PAGES = 2
"""Of the account's newest payments, looked through for ours. One that is older is mapped: only a payment whose answer
was lost is not, and that one is settled within minutes."""
SETTLED = frozenset(("PAID", "VOID", "REFUND_INITIATED", "REFUND_COMPLETED"))
"""Statuses of invoices of which nothing is open."""


class RecordPaymentInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`payment` is what came in, `source` the object it is mapped to, whose id becomes the transaction number.

    `account_id` is the account that pays: without it, the one that the payment's party is mapped to; `missing` says
    what to do where there is none. The invoices that it settles are found by their mappings; `unmapped`: wait for one
    that is not in Togai (``wait``: while that may be under way, then leave the payment; ``park``: until it is), leave
    its part out, or put it into the account's wallet. `settled`: what is no longer open of an invoice is
    left out, put into the wallet, or refused. `source_name` is what Togai shows as the payment's source.
    """

    payment: Payment
    source: ObjectRef
    account_id: str = ""
    source_name: str = ""
    missing: Missing = "park"
    unmapped: Literal["wait", "park", "wallet", "leave_out"] = "park"
    settled: Literal["leave_out", "wallet", "refuse"] = "leave_out"


class RecordPaymentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that is there now; `payment_id` is "" where there was nothing to pay. Amounts are decimal text."""

    payment_id: str
    amount: str


@dataclass(frozen=True, slots=True)
class _Paid:
    """`parts` are what the payment gives to each invoice, by Togai's id, `amount` is what it comes to."""

    input: RecordPaymentInput
    account_id: str
    amount: Decimal
    parts: Mapping[str, Decimal]

    @property
    def source_name(self) -> str:
        return self.input.source_name or self.input.source.app

    def request(self, amount: Decimal, parts: Mapping[str, Decimal]) -> Request:
        body = payment_body(
            self.input.payment,
            account_id=self.account_id,
            amount=amount,
            parts=parts,
            source_name=self.source_name,
            transaction=self.input.source.id,
        )
        return request("POST", "payments", body=body)


class RecordPayment:
    """Record a payment against the invoices it settles, as far as they are open.

    Safe to repeat: Togai takes no key, so the account's payments are looked through for our transaction number first.
    """

    name: ClassVar[str] = "record_payment"
    title: ClassVar[str] = "Record a payment"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The account's payments are looked through for our transaction number before one is recorded."
    calls: ClassVar[str] = "3 for one invoice; 7 at the most; 0 where it is mapped"
    input: type[RecordPaymentInput] = RecordPaymentInput
    output: type[RecordPaymentOutput] = RecordPaymentOutput

    def plan(self, input: RecordPaymentInput, view: View) -> Plan:
        payment, digest = input.payment, payment_hash(input.payment)
        mapped = view.mapped(input.source)
        if mapped is not None:
            if inbound(mapped.hash) not in ("", digest):
                return Refuse(
                    f"payment {payment.id} is recorded in Togai as {mapped.other.id} and has changed since: Togai lets "
                    "no payment be changed, correct it there by hand",
                    cause="conflict",
                    code="already_recorded",
                )
            return Unchanged({"payment_id": mapped.other.id, "amount": plain(payment.amount)}, mapped.other)
        wrong = _wrong(payment)
        if wrong is not None:
            return wrong
        account_id = account_of(view, input.source.app, payment.party, input.account_id, input.missing)
        if not isinstance(account_id, str):
            return account_id
        parts: dict[str, Decimal] = {}
        unknown = ZERO
        for allocation in payment.allocations:
            there = ObjectRef(app=input.source.app, type=INVOICE, id=allocation.invoice)
            invoice = view.mapped(there)
            if invoice is not None:
                parts[invoice.other.id] = parts.get(invoice.other.id, ZERO) + allocation.amount
            elif input.unmapped in ("wait", "park"):
                message = f"waits until invoice {allocation.invoice} is known in Togai"
                return Park(there, message, passable=input.unmapped == "wait")
            elif input.unmapped == "leave_out":
                unknown = added((unknown, allocation.amount))
        amount = added((payment.amount, -unknown))
        if amount <= 0:
            return Skip(f"none of the invoices that payment {payment.id} settles is known in Togai")
        paid = _Paid(input, account_id, amount, parts)
        left_out = f"{plain(unknown)} of the payment are for invoices that Togai does not know, and were left out"
        return Call(
            "create",
            paid.request(amount, parts),
            most=PAYMENT_PAGES + max(INVOICE_PAGES, READS) + 1,
            source=input.source,
            hash=with_inbound(digest),
            version=payment.version,
            state=paid,
            warnings=[left_out] if unknown else [],
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        paid: _Paid = call.state
        warnings = list(call.warnings)
        found, settled = await _held(session, paid), "lookup"
        if found is None:
            found, settled = await _pay(session, paid, warnings), ""
        if found is None:
            return Applied("unchanged", {"payment_id": "", "amount": "0"}, warnings=warnings)
        there = ref(PAYMENT, str(found["id"]))
        pair = Pair(paid.input.source, there, call.hash, call.version, theirs=version_of(PAYMENT, found))
        output = {"payment_id": there.id, "amount": plain(number(found.get("totalAmount")))}
        return Applied("created", output, there, pair, warnings, settled=settled)


def _wrong(payment: Payment) -> Refuse | None:
    check_amount(payment.amount, "the payment")
    for allocation in payment.allocations:
        check_amount(allocation.amount, f"the part for invoice {allocation.invoice}")
    if payment.amount <= 0 or any(each.amount <= 0 for each in payment.allocations):
        return Refuse(f"payment {payment.id} has an amount that is not above zero", cause="amount")
    if added(each.amount for each in payment.allocations) > payment.amount:
        return Refuse(f"payment {payment.id} gives its invoices more than it came to", cause="amount")
    if len(payment.allocations) > MOST_INVOICES:
        return Refuse(f"payment {payment.id} settles more than {MOST_INVOICES} invoices: split it", cause="amount")
    if not payment.currency:
        return Refuse(f"payment {payment.id} names no currency", cause="currency")
    return None


async def _held(session: Session, paid: _Paid) -> Mapping[str, Any] | None:
    """Our payment, if it is there already. Raises `Refused` where one under our number is another one."""
    token, ours = "", paid.input.source.id
    for _ in range(PAYMENT_PAGES):
        rows, token = await page(session, "payments", {"account_id": paid.account_id}, token)
        for row in rows:
            reference = row.get("externalPaymentReferences")
            if not isinstance(reference, Mapping) or reference.get("transactionNumber") != ours:
                continue
            if reference.get("sourceName") != paid.source_name:
                continue
            if row.get("currency") != paid.input.payment.currency or row.get("accountId") != paid.account_id:
                raise Refused(
                    f"payment {row.get('id')} in Togai has our transaction number {ours}, and is another one",
                    cause="conflict",
                    code="number_taken",
                )
            return object_of(row, PAYMENT)
        if not token:
            return None
    return None


async def _pay(session: Session, paid: _Paid, warnings: list[str]) -> Mapping[str, Any] | None:
    """Pay what is open of each invoice now; None where nothing is and nothing is left beside it. Raises `Refused`."""
    payment = paid.input.payment
    invoices = await _invoices(session, paid)
    parts = {id_: min(part, _open(invoices[id_], part, payment.currency)) for id_, part in paid.parts.items()}
    short = added(paid.parts.values()) - added(parts.values())
    if short and paid.input.settled == "refuse":
        raise Refused(
            f"{plain(short)} {payment.currency} of payment {payment.id} is not open any more in Togai",
            cause="conflict",
            code="settled",
        )
    amount = paid.amount if paid.input.settled == "wallet" else added((paid.amount, -short))
    if short:
        what = "went to the account's wallet" if paid.input.settled == "wallet" else "were not recorded"
        warnings.append(f"{plain(short)} {payment.currency} of the payment are settled already in Togai and {what}")
    if amount <= 0:
        return None
    return object_of(await session.send(paid.request(amount, parts)), PAYMENT)


async def _invoices(session: Session, paid: _Paid) -> dict[str, Mapping[str, Any]]:
    """Those that it settles, as they are now. Raises `Refused` where one is not to be found."""
    if len(paid.parts) <= READS:
        return {id_: await read(session, INVOICE, id_) for id_ in paid.parts}
    found: dict[str, Mapping[str, Any]] = {}
    token = ""
    for _ in range(INVOICE_PAGES):
        rows, token = await page(session, "invoices", {"owner_id": paid.account_id}, token)
        found |= {str(row["id"]): row for row in rows if row.get("id") in paid.parts}
        if len(found) == len(paid.parts):
            return found
        if not token:
            break
    missing = sorted(set(paid.parts) - set(found))
    raise Refused(
        f"invoice {missing[0]} is not among the newest of account {paid.account_id} in Togai: split the payment into "
        f"ones of {READS} invoices at the most",
        cause="not_found",
        code="invoice",
    )


def _open(invoice: Mapping[str, Any], part: Decimal, currency: str) -> Decimal:
    """What can be paid of an invoice. Raises `Refused` where it takes no payment, or not this one."""
    id_, status = invoice.get("id"), status_of(invoice)
    if status in SETTLED:
        return ZERO
    unit = (invoice.get("revenueInfo") or {}).get("units")
    if isinstance(unit, str) and len(unit) == 3 and unit != currency:
        raise Refused(f"invoice {id_} in Togai is in {unit}, the payment in {currency}", cause="currency")
    left = number(invoice.get("totalAmount")) - number(invoice.get("paidAmount"))
    way = "PAID" if part >= left else "PARTIALLY_PAID"
    if way not in TRANSITIONS.get(status, ()) and status != "PARTIALLY_PAID":
        raise Refused(
            f"invoice {id_} in Togai is {status} and takes no payment of {plain(part)} of {plain(left)}: "
            f"{WHY.get(status, 'Togai has no way from there')}",
            cause="conflict",
            code=status,
        )
    return max(ZERO, left)
