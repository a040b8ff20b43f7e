"""What bodies may hold, by the published OpenAPI: fields, lengths, words, and what must be there; all else is refused.

The OpenAPI closes its objects (`additionalProperties: false`). Amounts are JSON numbers, which the routes look at.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pipeline.sandbox.http import Request
from pipeline.sandbox.togai.errors import bad
from pipeline.sandbox.wire import Json

Id = Annotated[str, Meta(min_length=1, max_length=50)]
Name = Annotated[str, Meta(min_length=3, max_length=255)]
Email = Annotated[str, Meta(max_length=320)]
Currency = Annotated[str, Meta(min_length=3, max_length=3)]
Text = Annotated[str, Meta(max_length=512)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base: unknown fields are refused."""


class Address(Body, frozen=True, kw_only=True):
    phone_number: str = ""
    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""


class BillingInformation(Body, frozen=True, kw_only=True):
    email_recipients: list[Email] = []
    additional_email_recipients: list[Email] = []


class InlineSetting(Body, frozen=True, kw_only=True):
    id: str
    value: str
    namespace: str
    name: str
    data_type: str


class FirstAccount(Body, frozen=True, kw_only=True):
    """An account that comes with a new customer."""

    id: Id
    name: Name
    invoice_currency: Currency = "USD"
    aliases: Annotated[list[Annotated[str, Meta(min_length=3, max_length=50)]], Meta(max_length=10)] = []
    address: Address | None = None
    primary_email: Email = ""
    billing_information: BillingInformation | None = None
    settings: Annotated[list[InlineSetting], Meta(max_length=10)] = []
    net_term_days: int = 0
    metadata: dict[str, str] = {}
    tags: list[str] = []
    status: Literal["ACTIVE", "DRAFT"] = "ACTIVE"


class NewAccount(FirstAccount, frozen=True, kw_only=True):
    customer_id: Annotated[str, Meta(min_length=1, max_length=255)]


class ChangedAccount(Body, frozen=True, kw_only=True):
    name: Name = ""
    status: Literal["ACTIVE", "DRAFT"] = "ACTIVE"
    invoice_currency: Currency = "USD"
    net_term_days: int = 0
    primary_email: Email = ""
    billing_information: BillingInformation | None = None
    address: Address | None = None
    metadata: dict[str, str] = {}
    tags: list[str] = []


class NewCustomer(Body, frozen=True, kw_only=True):
    id: Id
    name: Name
    primary_email: Email
    address: Address
    settings: Annotated[list[InlineSetting], Meta(max_length=10)] = []
    account: FirstAccount | None = None


class ChangedCustomer(Body, frozen=True, kw_only=True):
    name: Name = ""
    primary_email: Email = ""
    address: Address | None = None


class CustomLine(Body, frozen=True, kw_only=True):
    id: str = ""
    description: str = ""
    value_per_quantity: Any = None
    quantity: Any = None
    value: Any = None
    billable_id: str = ""


class NewInvoice(Body, frozen=True, kw_only=True):
    account_id: str
    start_date: str
    end_date: str
    status: Literal["DRAFT", "DUE", "PAID"]
    line_items: Annotated[list[CustomLine], Meta(min_length=1, max_length=50)]
    owner_type: Literal["ACCOUNT", "INVOICE_GROUP"] = "ACCOUNT"
    idempotency_key: str = ""
    auto_advance: bool = False
    apply_credits: bool = True
    apply_wallet_balance: bool = True


class ChangedInvoice(Body, frozen=True, kw_only=True):
    status: Literal["DUE", "PAID", "VOID", "UN_COLLECTIBLE", "REFUND_INITIATED"] = "DUE"
    start_date: str = ""
    end_date: str = ""
    line_items: Annotated[list[CustomLine], Meta(min_length=1, max_length=50)] = []
    auto_advance: bool = False


class Reference(Body, frozen=True, kw_only=True):
    source_name: Annotated[str, Meta(min_length=1)]
    source_type: Literal["GATEWAY", "CASH", "CHEQUE", "BANK_TRANSFER", "CARD"]
    transaction_number: Annotated[str, Meta(min_length=1)]
    description: str = ""
    metadata: dict[str, Any] = {}


class PaymentRecord(Body, frozen=True, kw_only=True):
    type: Literal["INVOICE", "CREDIT", "WALLET_CREDIT"]
    order: int
    togai_id: str = ""
    amount: Any = None


class NewPayment(Body, frozen=True, kw_only=True):
    account_id: str
    currency: Currency
    total_amount: Any
    external_payment_reference: Reference
    line_item_records: Annotated[list[PaymentRecord], Meta(min_length=1)]
    description: Text = ""
    notes: Text = ""


class CreditRequest(Body, frozen=True, kw_only=True):
    account_id: str
    purpose: str
    effective_from: Day
    priority: Annotated[int, Meta(ge=1, le=100)]
    credit_amount: Any
    applicable_entity_ids: list[str] = []
    effective_until: Day | None = None
    grantor_id: str = ""
    idempotency_key: str = ""


class NewCredits(Body, frozen=True, kw_only=True):
    credit_requests: Annotated[list[CreditRequest], Meta(min_length=1)]


def body_of(request: Request, shape: type[Body] | None = None) -> Json:
    """The body as an object of this shape. Raises Refusal for anything else."""
    try:
        body = request.json()
    except ValueError as error:
        raise bad("The body is not JSON") from error
    if not isinstance(body, dict):
        raise bad("The body must be an object")
    if shape is not None:
        try:
            msgspec.convert(body, shape)
        except msgspec.ValidationError as error:
            raise bad(str(error)) from error
    return body
