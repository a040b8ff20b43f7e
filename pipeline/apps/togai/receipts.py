"""Payments and credits: Togai's as neutral documents, neutral ones as Togai's requests. Pure.

Togai has no credit notes: the nearest is a credit, a balance granted to an account.
https://docs.togai.com/api-reference/payments https://docs.togai.com/api-reference/credits
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from pipeline.apps.togai.amounts import ZERO, check_amount, plain
from pipeline.apps.togai.documents import ACCOUNT
from pipeline.apps.togai.versions import version_of
from pipeline.errors import Refused
from pipeline.schemas import togai
from pipeline.schemas.documents import (
    Allocation,
    CreditNote,
    Line,
    LineKind,
    Party,
    Payment,
    PaymentMethod,
)
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.togai import as_utc

FOR_INVOICE, FOR_WALLET = "INVOICE", "WALLET_CREDIT"
TEXT_LENGTH = 512
"""Of a payment's description, and of its notes."""

SOURCE_TYPES: Mapping[PaymentMethod, str] = {
    PaymentMethod.CASH: "CASH",
    PaymentMethod.CHECK: "CHEQUE",
    PaymentMethod.BANK_TRANSFER: "BANK_TRANSFER",
    PaymentMethod.CARD: "CARD",
    PaymentMethod.GATEWAY: "GATEWAY",
    PaymentMethod.OTHER: "GATEWAY",
}
METHODS: Mapping[str, PaymentMethod] = {
    "CASH": PaymentMethod.CASH,
    "CHEQUE": PaymentMethod.CHECK,
    "BANK_TRANSFER": PaymentMethod.BANK_TRANSFER,
    "CARD": PaymentMethod.CARD,
    "GATEWAY": PaymentMethod.GATEWAY,
}


def payment_document(payment: togai.Payment, data: Any) -> Payment:
    """The party is known by its id alone. What is not for invoices stays with it. Raises `Refused`."""
    if payment.total_amount is None or not payment.account_id or payment.created_at is None:
        raise Refused(f"payment {payment.id} of Togai lacks totalAmount, accountId or createdAt", cause="invalid")
    check_amount(payment.total_amount, f"payment {payment.id}")
    reference = payment.external_payment_references or togai.PaymentReference()
    return Payment(
        id=payment.id,
        party=_account(payment.account_id, payment.currency),
        currency=payment.currency,
        amount=payment.total_amount,
        paid=as_utc(payment.created_at),
        allocations=[
            Allocation(invoice=record.togai_id, amount=record.amount)
            for record in payment.line_item_records or ()
            if record.type == FOR_INVOICE and record.togai_id and record.amount is not None
        ],
        method=METHODS.get(reference.source_type, PaymentMethod.OTHER),
        reference=reference.transaction_number,
        description=payment.description or "",
        version=version_of("payment", data),
    )


def credit_document(credit: togai.Credit, data: Any) -> CreditNote:
    """One line over the whole amount. Raises `Refused` for a credit of units that are no money."""
    currency = credit.credit_unit or ""
    if credit.credit_amount is None or not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        raise Refused(f"credit {credit.id} of Togai is no amount of money: {credit.credit_amount} {currency}")
    check_amount(credit.credit_amount, f"credit {credit.id}")
    issued = _day(credit.effective_from) or (as_utc(credit.created_at) if credit.created_at else None)
    if issued is None:
        raise Refused(f"credit {credit.id} of Togai has no effectiveFrom and no createdAt", code="no_date")
    purpose = credit.purpose or f"Credit {credit.id}"
    line = Line(kind=LineKind.CHARGE, source_type="CREDIT", description=purpose, amount=credit.credit_amount)
    return CreditNote(
        id=credit.id,
        party=_account(credit.account_id, currency),
        currency=currency,
        total=credit.credit_amount,
        lines=[line],
        issued=issued,
        reason=purpose,
        version=version_of("credit", data),
        status=credit.status,
    )


def payment_hash(payment: Payment) -> str:
    """Of the money: texts may change without making it another payment."""
    parts = sorted((each.invoice, plain(each.amount)) for each in payment.allocations)
    return content_hash([payment.currency, plain(payment.amount), parts])


def payment_body(
    payment: Payment,
    *,
    account_id: str,
    amount: Decimal,
    parts: Mapping[str, Decimal],
    source_name: str,
    transaction: str,
) -> dict[str, Any]:
    """A request. `parts` are what it gives to each invoice of Togai's; the rest goes to the account's wallet.

    Everything is allocated: what is not would net off whatever invoice becomes due next.
    """
    records: list[dict[str, Any]] = [
        {"type": FOR_INVOICE, "togaiId": id_, "amount": part} for id_, part in parts.items() if part
    ]
    rest = amount - sum(parts.values(), ZERO)
    if rest:
        records.append({"type": FOR_WALLET, "amount": rest})
    described = "; ".join(part for part in (payment.description, _named(payment)) if part)
    body: dict[str, Any] = {
        "accountId": account_id,
        "currency": payment.currency,
        "totalAmount": amount,
        "externalPaymentReference": {
            "sourceName": source_name,
            "sourceType": SOURCE_TYPES[payment.method],
            "transactionNumber": transaction,
        },
        "lineItemRecords": [{**record, "order": place} for place, record in enumerate(records, start=1)],
    }
    if described:
        body["description"] = shortened(described, TEXT_LENGTH)
    return body


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _named(payment: Payment) -> str:
    shown: Sequence[str] = [part for part in (payment.number, payment.reference) if part]
    return f"Payment {' / '.join(shown)}" if shown else ""


def _account(id_: str, currency: str) -> Party:
    return Party(type=ACCOUNT, id=id_, name=id_, currency=currency)


def _day(found: str | None) -> datetime | None:
    """The midnight in UTC that begins a day of Togai's; None where it is none."""
    try:
        return datetime.combine(date.fromisoformat(found or ""), time.min, UTC)
    except ValueError:
        return None
