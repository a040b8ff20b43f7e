"""Neutral documents: what two apps must agree on, in neither app's words.

The source app's folder makes one of its own object, the destination app's folder makes a request of it; neither knows
the other, so n apps need n mappings. Money is Decimal (a string on the wire) in the document's currency.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the neutral documents."""


class Address(Document, frozen=True, kw_only=True):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""


class Party(Document, frozen=True, kw_only=True):
    """Who is billed. `type` is the source's noun (``account``, ``invoice_group``), `id` the source's id.

    `currency` is ISO 4217, `net_term_days` the credit period, `tax_ids` the source's names for tax numbers.
    """

    type: str
    id: str
    name: str
    company: str = ""
    email: str = ""
    other_emails: list[str] = []
    phone: str = ""
    currency: str = ""
    net_term_days: int | None = None
    address: Address | None = None
    tax_ids: dict[str, str] = {}
    version: str = ""


class LineKind(StrEnum):
    """What a line does to the total. All amounts are signed: adding all lines gives the total."""

    CHARGE = "charge"
    CREDIT = "credit"
    DISCOUNT = "discount"
    TAX = "tax"
    UNKNOWN = "unknown"


class Line(Document, frozen=True, kw_only=True):
    """One line. `amount` is its signed effect on the total; `details` are texts (slabs and the like), no money.

    `source_type` is the source's own type of the line; `group` a heading (the member of a grouped invoice, a tag).
    """

    kind: LineKind
    source_type: str
    description: str
    amount: Decimal
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    group: str = ""
    details: list[str] = []
    source_id: str = ""
    slabs: list[Line] = []


class Invoice(Document, frozen=True, kw_only=True):
    """An invoice. `total` is the source's own authority; the lines should add up to it, and whoever books it checks.

    `number` is the source's human number, "" where it has none. Dates are instants: the destination cuts them to days
    in its organisation's time zone. `period_end` is exclusive.
    """

    id: str
    party: Party
    currency: str
    total: Decimal
    lines: list[Line]
    issued: datetime
    number: str = ""
    due: datetime | None = None
    net_term_days: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    version: str = ""
    status: str = ""
    title: str = ""


class PaymentMethod(StrEnum):
    """How money came in."""

    CASH = "cash"
    CHECK = "check"
    BANK_TRANSFER = "bank_transfer"
    CARD = "card"
    GATEWAY = "gateway"
    OTHER = "other"


class Allocation(Document, frozen=True, kw_only=True):
    """The part of a payment or credit that settles an invoice; `invoice` is the source's id of it."""

    invoice: str
    amount: Decimal
    number: str = ""


class Payment(Document, frozen=True, kw_only=True):
    """Money from a party. What is not in `allocations` stays with the party as a credit.

    `party` may be known by its id alone. `number` is the source's human number, `reference` the payer's or gateway's.
    """

    id: str
    party: Party
    currency: str
    amount: Decimal
    paid: datetime
    allocations: list[Allocation] = []
    method: PaymentMethod = PaymentMethod.OTHER
    number: str = ""
    reference: str = ""
    description: str = ""
    version: str = ""
    status: str = ""


class CreditNote(Document, frozen=True, kw_only=True):
    """What a party is owed, to be applied to its invoices or paid back. Amounts are above zero."""

    id: str
    party: Party
    currency: str
    total: Decimal
    lines: list[Line]
    issued: datetime
    allocations: list[Allocation] = []
    number: str = ""
    reference: str = ""
    reason: str = ""
    version: str = ""
    status: str = ""
