"""One realistic object a trigger, as Togai's API gives it: for previews, and for checking flows. The sums add up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

ADDRESS = {
    "phoneNumber": "+14155550142",
    "line1": "18 Harbour Row",
    "line2": "Floor 3",
    "postalCode": "94107",
    "city": "San Francisco",
    "state": "California",
    "country": "US",
}

CUSTOMER: Mapping[str, Any] = {
    "id": "northwind",
    "togaiCustomerId": "customer.23kTb7NcQwE.m4P9s",
    "name": "Northwind Robotics",
    "primaryEmail": "finance@northwind.example",
    "billingAddress": "18 Harbour Row, Floor 3, 94107, San Francisco, California, US",
    "address": ADDRESS,
    "status": "ACTIVE",
    "createdAt": "2024-09-02T08:30:11.204Z",
    "updatedAt": "2024-09-02T08:30:11.204Z",
}

ACCOUNT: Mapping[str, Any] = {
    "id": "northwind-live",
    "togaiAccountId": "account.23kTb7NcQwE.h2V6d",
    "customerId": "northwind",
    "togaiCustomerId": "customer.23kTb7NcQwE.m4P9s",
    "name": "Northwind Live",
    "status": "ACTIVE",
    "invoiceCurrency": "USD",
    "netTermDays": 30,
    "primaryEmail": "billing@northwind.example",
    "billingInformation": {
        "emailRecipients": ["billing@northwind.example"],
        "additionalEmailRecipients": ["controller@northwind.example"],
    },
    "address": ADDRESS,
    "aliases": [{"alias": "northwind_live"}],
    "settings": [],
    "metadata": {"VATN": "GB123456789"},
    "tags": ["scale"],
}


def _node(type_: str, description: str, value: str, *below: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    node = {"description": description, "type": type_, "units": "USD", "value": Decimal(value), **more}
    return {**node, "lineItems": list(below)} if below else node


def _priced(type_: str, description: str, value: str, quantity: int, price: str, **more: Any) -> Mapping[str, Any]:
    return _node(type_, description, value, quantity=quantity, valuePerQuantity=Decimal(price), **more)


_RATE_CARDS = (
    _node(
        "USAGE_RATE_CARD_AMOUNT",
        "API calls",
        "37.10",
        _priced("USAGE_RATE_CARD_SLAB_AMOUNT", "Slab 1", "20.00", 20000, "0.001"),
        _priced("USAGE_RATE_CARD_SLAB_AMOUNT", "Slab 2", "17.10", 28500, "0.0006"),
        id="um.23kTb7NcQwE.c8Lr",
        quantity=48500,
    ),
    _priced("FIXED_FEE_RATE_CARD_AMOUNT", "Platform fee", "450.00", 1, "450"),
    _node(
        "LICENSE_RATE_CARD_AMOUNT",
        "Seats",
        "270.00",
        _priced("LICENSE_RATE_CARD_SLAB_AMOUNT", "Slab 1", "270.00", 18, "15"),
    ),
    _node(
        "ENTITLEMENT_OVERAGE_RATE_CARD_AMOUNT",
        "SMS overage",
        "30.00",
        _priced("ENTITLEMENT_OVERAGE_RATE_CARD_SLAB_AMOUNT", "Slab 1", "30.00", 1200, "0.025"),
    ),
)
_PLAN = _node(
    "PRICE_PLAN_AMOUNT",
    "Growth plan",
    "800.00",
    _node("SUB_TOTAL_AMOUNT", "Sub total", "787.10", *_RATE_CARDS),
    _node("TRUE_UP_AMOUNT", "Minimum commitment true-up", "12.90"),
)
_NET = _node(
    "NET_AMOUNT",
    "Total amount due",
    "850.00",
    _node(
        "GROSS_AMOUNT",
        "Sum total",
        "920.00",
        _PLAN,
        _node(
            "TOTAL_ADVANCED_FEES",
            "Advance fees",
            "120.00",
            _node("ADVANCED_FIXED_FEE", "Support retainer (next cycle)", "120.00"),
        ),
    ),
    _node(
        "TOTAL_CREDITS",
        "Credits",
        "70.00",
        _node("SUB_CREDITS", "Welcome credit", "70.00", id="cred.23k.7wQe"),
    ),
)
_TOTAL = _node(
    "TOTAL_AMOUNT",
    "Total amount",
    "1038.40",
    _NET,
    _node(
        "TOTAL_MISCELLANEOUS_CHARGES",
        "Custom charges",
        "30.00",
        _priced("MISCELLANEOUS_CHARGE", "Onboarding", "50.00", 2, "25"),
        _node("MISCELLANEOUS_CHARGE", "Launch discount", "-20.00"),
    ),
    _node("TOTAL_TAX_AMOUNT", "Tax", "158.40", _node("TAX_AMOUNT", "VAT 18%", "158.40")),
)

INVOICE: Mapping[str, Any] = {
    "id": "inv.24bVn3MxPzR.6tJkW",
    "sequenceId": "2024-09-0117",
    "customerId": "northwind",
    "ownerId": "northwind-live",
    "pricePlanId": "pp.23kTb7NcQwE.gR5t",
    "invoiceClass": "INVOICE",
    "invoiceType": "STANDARD",
    "status": "DUE",
    "finalizingStatus": "FINALIZED",
    "autoAdvance": True,
    "startDate": "2024-09-01T00:00:00.000Z",
    "endDate": "2024-10-01T00:00:00.000Z",
    "endDateInclusive": "2024-09-30T23:59:59.999Z",
    "invoiceDate": "2024-10-03T00:00:00.000Z",
    "dueDate": "2024-11-02T00:00:00.000Z",
    "generatedAt": "2024-10-03T00:04:31.900Z",
    "updatedAt": "2024-10-03T00:04:32.015Z",
    "netTermDays": 30,
    "totalAmount": Decimal("1038.40"),
    "paidAmount": 0,
    "pdfUrl": "https://files.example.com/2024-09-0117.pdf",
    "metadata": {},
    "info": [],
    "usageInfo": [
        {"description": "API calls", "type": "USAGE_METER_USAGE", "value": 48500, "units": "USAGE_UNITS"},
    ],
    "revenueInfo": _node("GRAND_TOTAL_AMOUNT", "Grand total amount", "1038.40", _TOTAL),
    "invoiceDetails": {
        "customer": {"name": CUSTOMER["name"], "primaryEmail": CUSTOMER["primaryEmail"], "address": ADDRESS},
        "account": {
            "name": ACCOUNT["name"],
            "invoiceCurrency": "USD",
            "primaryEmail": ACCOUNT["primaryEmail"],
            "address": ADDRESS,
        },
        "pricePlanName": "Growth",
    },
}

PAID: Mapping[str, Any] = {"status": "PAID", "paidAmount": Decimal("1038.40"), "updatedAt": "2024-10-21T14:20:05.400Z"}
PARTIALLY_PAID: Mapping[str, Any] = {
    "status": "PARTIALLY_PAID",
    "paidAmount": Decimal("500.00"),
    "updatedAt": "2024-10-18T09:11:40.120Z",
}
VOID: Mapping[str, Any] = {"status": "VOID", "updatedAt": "2024-10-05T08:00:00.000Z"}
UNCOLLECTIBLE: Mapping[str, Any] = {"status": "UN_COLLECTIBLE", "updatedAt": "2025-02-01T10:30:00.000Z"}
REFUND_INITIATED: Mapping[str, Any] = {**PAID, "status": "REFUND_INITIATED", "updatedAt": "2024-10-28T16:45:12.000Z"}
REFUND_COMPLETED: Mapping[str, Any] = {**PAID, "status": "REFUND_COMPLETED", "updatedAt": "2024-10-30T07:02:33.000Z"}
ORDER: Mapping[str, Any] = {"id": "inv.24cKm8TyHnB.2pLdX", "sequenceId": "2024-10-0009", "invoiceClass": "ORDER"}

PAYMENT: Mapping[str, Any] = {
    "id": "payment.24dHs5QvYfC.9wNbR",
    "accountId": "northwind-live",
    "currency": "USD",
    "totalAmount": Decimal("500.00"),
    "description": "Wire of 18 October",
    "notes": None,
    "externalPaymentReferences": {
        "sourceName": "Harbour Bank",
        "sourceType": "BANK_TRANSFER",
        "transactionNumber": "HB-20241018-774",
    },
    "lineItemRecords": [
        {"type": "INVOICE", "togaiId": "inv.24bVn3MxPzR.6tJkW", "amount": Decimal("500.00"), "order": 1},
    ],
    "version": 1,
    "createdBy": "Q82mTxKd01",
    "createdAt": "2024-10-18T09:11:40",
}

CREDIT: Mapping[str, Any] = {
    "id": "cred.23k.7wQe",
    "accountId": "northwind-live",
    "customerId": "northwind",
    "purpose": "Welcome credit",
    "applicableEntityIds": [],
    "effectiveFrom": "2024-09-02",
    "effectiveUntil": "2025-09-02",
    "creditAmount": Decimal("70.00"),
    "creditUnit": "USD",
    "holdAmount": 0,
    "consumedAmount": 0,
    "priority": 10,
    "status": "ACTIVE",
    "idempotencyKey": "welcome-northwind",
    "createdAt": "2024-09-02T08:31:00.000Z",
}

SCHEDULE: Mapping[str, Any] = {
    "id": "0 6 * * 1 Europe/Oslo",
    "cron": "0 6 * * 1",
    "timezone": "Europe/Oslo",
    "due": "2024-10-07T04:00:00Z",
    "local": "2024-10-07T06:00:00+02:00",
}

ON_DEMAND: Mapping[str, Any] = {"ids": ["northwind-live"], "payload": {}}
