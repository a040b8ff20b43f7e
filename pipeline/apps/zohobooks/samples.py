"""Realistic objects in Zoho's own shape, for previews, tests and docs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

CONTACT: Mapping[str, Any] = {
    "contact_id": "460000000026049",
    "contact_name": "Bowman and Co",
    "company_name": "Bowman and Co",
    "contact_type": "customer",
    "status": "active",
    "currency_id": "460000000000097",
    "currency_code": "USD",
    "payment_terms": 30,
    "payment_terms_label": "Net 30",
    "contact_persons": [
        {
            "contact_person_id": "460000000026051",
            "first_name": "Will",
            "last_name": "Smith",
            "email": "will.smith@bowman.example",
            "phone": "+1-925-921-9201",
            "is_primary_contact": True,
        }
    ],
    "billing_address": {"address": "4900 Hopyard Rd", "city": "Pleasanton", "zip": "94588", "country": "U.S.A"},
    "custom_fields": [{"api_name": "cf_togai_account_id", "label": "Togai account id", "value": "bowman"}],
    "created_time": "2024-08-01T10:12:13+0530",
    "last_modified_time": "2024-08-03T05:35:12+0530",
}

INVOICE: Mapping[str, Any] = {
    "invoice_id": "460000000567114",
    "invoice_number": "2024-07-2958",
    "reference_number": "inv.22xQ1aBcDeF.9kLmN",
    "status": "paid",
    "customer_id": "460000000026049",
    "customer_name": "Bowman and Co",
    "currency_code": "USD",
    "date": "2024-08-03",
    "due_date": "2024-09-02",
    "line_items": [
        {"line_item_id": "460000000567116", "name": "API calls", "rate": Decimal("27.69"), "quantity": 1}
        | {"item_total": Decimal("27.69")}
    ],
    "sub_total": Decimal("27.69"),
    "discount_total": Decimal("0.00"),
    "tax_total": Decimal("0.00"),
    "shipping_charge": Decimal("0.00"),
    "adjustment": Decimal("0.00"),
    "total": Decimal("27.69"),
    "balance": Decimal("0.00"),
    "payment_made": Decimal("27.69"),
    "credits_applied": Decimal("0.00"),
    "custom_fields": [{"api_name": "cf_togai_invoice_id", "value": "inv.22xQ1aBcDeF.9kLmN"}],
    "created_time": "2024-08-03T05:35:12+0530",
    "last_modified_time": "2024-08-20T16:02:40+0530",
}

UNPAID: Mapping[str, Any] = {"status": "draft", "balance": Decimal("27.69"), "payment_made": Decimal("0.00")}
SENT: Mapping[str, Any] = {**UNPAID, "status": "sent"}
OVERDUE: Mapping[str, Any] = {**UNPAID, "status": "overdue"}
PARTIALLY_PAID: Mapping[str, Any] = {
    "status": "partially_paid",
    "balance": Decimal("7.69"),
    "payment_made": Decimal("20.00"),
}
VOID: Mapping[str, Any] = {"status": "void", "balance": Decimal("0.00"), "payment_made": Decimal("0.00")}

PAYMENT: Mapping[str, Any] = {
    "payment_id": "460000000042059",
    "payment_number": "42",
    "reference_number": "BACS-77120",
    "description": "",
    "status": "success",
    "customer_id": "460000000026049",
    "customer_name": "Bowman and Co",
    "currency_code": "USD",
    "payment_mode": "banktransfer",
    "amount": Decimal("30.00"),
    "unused_amount": Decimal("2.31"),
    "date": "2024-08-20",
    "invoices": [
        {
            "invoice_id": "460000000567114",
            "invoice_number": "2024-07-2958",
            "amount_applied": Decimal("27.69"),
            "balance_amount": Decimal("0.00"),
        }
    ],
    "custom_fields": [],
    "created_time": "2024-08-20T16:02:40+0530",
    "last_modified_time": "2024-08-20T16:02:40+0530",
}

CREDIT_NOTE: Mapping[str, Any] = {
    "creditnote_id": "460000000072369",
    "creditnote_number": "CN-00009",
    "reference_number": "2024-07-2958",
    "status": "open",
    "customer_id": "460000000026049",
    "customer_name": "Bowman and Co",
    "currency_code": "USD",
    "date": "2024-08-22",
    "line_items": [
        {"line_item_id": "460000000072371", "name": "Service credit", "rate": Decimal("10.00"), "quantity": 1}
        | {"item_total": Decimal("10.00")}
    ],
    "sub_total": Decimal("10.00"),
    "discount_total": Decimal("0.00"),
    "tax_total": Decimal("0.00"),
    "adjustment": Decimal("0.00"),
    "total": Decimal("10.00"),
    "balance": Decimal("10.00"),
    "invoices_credited": [],
    "custom_fields": [],
    "created_time": "2024-08-22T09:30:00+0530",
    "last_modified_time": "2024-08-22T09:30:00+0530",
}
