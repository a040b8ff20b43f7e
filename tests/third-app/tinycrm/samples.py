"""An object as the CRM gives it."""

COMPANY = {
    "id": "co_17",
    "external_id": "acme-prod",
    "name": "Acme Corp",
    "email": "billing@acme.example",
    "phone": "+1 555 0100",
    "currency": "USD",
    "country": "US",
    "stage": "customer",
    "revision": 3,
}
