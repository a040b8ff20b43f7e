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
    "tax_total": Decimal("0.00"),
    "adjustment": Decimal("0.00"),
    "total": Decimal("27.69"),
    "balance": Decimal("0.00"),
    "custom_fields": [{"api_name": "cf_togai_invoice_id", "value": "inv.22xQ1aBcDeF.9kLmN"}],
    "created_time": "2024-08-03T05:35:12+0530",
    "last_modified_time": "2024-08-20T16:02:40+0530",
}
