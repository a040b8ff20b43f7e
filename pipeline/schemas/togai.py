"""Togai's objects as its API gives them, read tolerantly.

Unknown fields pass, unknown statuses and line types pass (all are plain strings), what the API calls required may be
missing where a published sample misses it. Names in JSON are camel case, as in Togai's API. Money is Decimal, read from
JSON numbers or decimal strings; times without a zone are UTC. https://docs.togai.com/openapi.yaml
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

OLD_STATUSES = {
    "ONGOING": "DRAFT",
    "GRACE_PERIOD": "DRAFT",
    "GENERATED": "DUE",
    "PUBLISHED": "DUE",
    "INITIATE_REFUND": "REFUND_INITIATED",
}
"""Invoice statuses of earlier API versions, and what they are called today."""


class TogaiObject(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of Togai's objects."""


class Address(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A postal address; the phone number lives here. `country` is ISO 3166-1 alpha-2."""

    phone_number: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None


class Customer(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A customer: the parent of one or more accounts. It is not what gets invoiced."""

    id: str
    name: str = ""
    togai_customer_id: str | None = None
    primary_email: str | None = None
    billing_address: str | None = None
    address: Address | None = None
    status: str = "ACTIVE"
    created_at: datetime | None = None
    updated_at: datetime | None = None


class BillingInformation(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """Who gets the account's invoices by mail."""

    email_recipients: list[str] | None = None
    additional_email_recipients: list[str] | None = None


class InvoiceGroup(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """Accounts that are billed together; an invoice's snapshot says `address` where an account's says `billingAddress`.

    https://docs.togai.com/docs/invoice-groups
    """

    id: str | None = None
    name: str | None = None
    email: str | None = None
    daily_invoice_consolidation: bool | None = None
    net_term_days: int | None = None
    invoice_currency: str | None = None
    address: Address | None = None
    billing_address: Address | None = None


class Account(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """What is invoiced. It has no version and no times.

    `customer` is no field of Togai's: the fetch action puts the parent there where the account lacks email or address.
    """

    id: str
    name: str = ""
    togai_account_id: str | None = None
    customer_id: str | None = None
    togai_customer_id: str | None = None
    status: str = "ACTIVE"
    invoice_currency: str | None = None
    net_term_days: int | None = None
    primary_email: str | None = None
    billing_information: BillingInformation | None = None
    address: Address | None = None
    aliases: list[Any] | None = None
    invoice_group_details: InvoiceGroup | None = None
    metadata: dict[str, Any] | None = None
    tags: list[str] | None = None
    customer: Customer | None = None


class InvoiceLineItem(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A node of an invoice's tree. `type` tells what it is, its depth tells nothing: levels may be left out."""

    type: str = ""
    id: str | None = None
    description: str | None = None
    value_per_quantity: Decimal | None = None
    quantity: Decimal | None = None
    units: str | None = None
    value: Decimal | None = None
    metadata: dict[str, Any] | None = None
    line_items: list[InvoiceLineItem] | None = None


class InvoiceParty(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """The snapshot of a customer or an account in an invoice's details."""

    name: str | None = None
    primary_email: str | None = None
    invoice_currency: str | None = None
    address: Address | None = None


class InvoiceDetails(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """Who and what the invoice was made for, as it was then."""

    customer: InvoiceParty | None = None
    account: InvoiceParty | None = None
    invoice_group: InvoiceGroup | None = None
    price_plan_name: str | None = None


class Invoice(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """An invoice. `total_amount` is the authority; `revenue_info` is the root of the money tree, absent in lists.

    `owner_id` is the account's id, or the group's for a composite invoice. `end_date` is exclusive. There is no
    currency field. Statuses of earlier API versions are read as today's (`OLD_STATUSES`).
    """

    id: str
    sequence_id: str | None = None
    customer_id: str | None = None
    owner_id: str | None = None
    price_plan_id: str | None = None
    usage_info: list[InvoiceLineItem] | None = None
    revenue_info: InvoiceLineItem | None = None
    invoice_details: InvoiceDetails | None = None
    status: str = ""
    finalizing_status: str | None = None
    invoice_class: str = "INVOICE"
    invoice_type: str = "STANDARD"
    auto_advance: bool | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    end_date_inclusive: datetime | None = None
    invoice_date: datetime | None = None
    due_date: datetime | None = None
    net_term_days: int | None = None
    generated_at: datetime | None = None
    updated_at: datetime | None = None
    total_amount: Decimal | None = None
    paid_amount: Decimal | None = None
    metadata: dict[str, Any] | None = None
    pdf_url: str | None = None

    def __post_init__(self) -> None:
        if self.status in OLD_STATUSES:
            msgspec.structs.force_setattr(self, "status", OLD_STATUSES[self.status])


class PaymentReference(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """Where a payment came from. `transaction_number` is the sender's own id of it, `source_name` the sender."""

    source_name: str = ""
    source_type: str = ""
    transaction_number: str = ""
    description: str | None = None
    metadata: dict[str, Any] | None = None


class PaymentRecord(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """What a payment is used for. `type`: ``INVOICE``, ``CREDIT`` or ``WALLET_CREDIT``; `togai_id` is the object's."""

    type: str = ""
    togai_id: str | None = None
    amount: Decimal | None = None
    order: int = 0


class Payment(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A payment. What Togai gives is in the plural, `external_payment_references`, though it is one object."""

    id: str
    account_id: str = ""
    currency: str = ""
    total_amount: Decimal | None = None
    description: str | None = None
    notes: str | None = None
    external_payment_references: PaymentReference | None = None
    line_item_records: list[PaymentRecord] | None = None
    version: int | None = None
    created_by: str | None = None
    created_at: datetime | None = None


class Credit(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A balance granted to an account. It is never edited, only voided. `credit_unit` is a currency, or a unit."""

    id: str
    account_id: str = ""
    customer_id: str | None = None
    purpose: str | None = None
    applicable_entity_ids: list[str] | None = None
    effective_from: str | None = None
    effective_until: str | None = None
    credit_amount: Decimal | None = None
    credit_unit: str | None = None
    hold_amount: Decimal | None = None
    consumed_amount: Decimal | None = None
    priority: int | None = None
    status: str = ""
    idempotency_key: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Schedule(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """A due time of a schedule. `id` names the schedule, `cron` and `timezone` say when it is due, `due` is the time
    in UTC, `local` the same one in the schedule's zone.
    """

    id: str = ""
    cron: str = ""
    timezone: str = "UTC"
    due: datetime | None = None
    local: str = ""


class OnDemand(TogaiObject, frozen=True, kw_only=True, rename="camel"):
    """What a person gave along. `ids` are the objects that are meant, none means all; `payload` is free.

    `flow` is the flow that is started; without it, all that start on demand.
    """

    flow: str | None = None
    ids: list[str] = []
    payload: dict[str, Any] = {}


def as_utc(time: datetime) -> datetime:
    """An aware time; Togai's samples leave the zone out where they mean UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
