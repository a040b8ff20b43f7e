"""People at work in both twins at once: edits drawn from a seed, each made as a user of that app makes it.

An invoice has a fate, drawn when it is made, so that nobody does in one app what the other one's people have ruled out:
money of one that is void is for a person to settle, not for a machine. Payments of one invoice may come from both sides
at the same time, and so may names of one account.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pipeline.sandbox.togai.documents import InvoiceSpec, draft, generate, set_status
from pipeline.sandbox.togai.errors import Refusal
from pipeline.sandbox.togai.money import Card, Parts, Slab
from pipeline.sandbox.wire import Json
from tests.e2e.soak.both import Both

PAID, MARKED, REFUNDED = "paid", "marked as paid", "refunded"
VOID_IN_TOGAI, VOID_IN_BOOKS, GIVEN_UP = "void in Togai", "void in Zoho Books", "uncollectible"
FATES = (*[PAID] * 6, MARKED, REFUNDED, VOID_IN_TOGAI, VOID_IN_BOOKS, GIVEN_UP)
TRIES = 1_000
WRITABLE = (
    *("contact_name", "company_name", "payment_terms", "payment_terms_label"),
    *("contact_persons", "billing_address"),
)
"""Of a contact, what a person's form sends back whole."""


class People:
    """`edit` makes one edit; `made` counts them by what they were."""

    def __init__(self, both: Both, seed: int) -> None:
        self.made: Counter[str] = Counter()
        self._both = both
        self._random = random.Random(seed)
        self._fates: dict[str, str] = {}
        self._names = 0
        self._ways: tuple[tuple[int, Callable[[], bool]], ...] = (
            (2, self.open_account),
            (2, self.add_customer),
            (3, self.rename_account),
            (3, self.rename_customer),
            (6, self.bill),
            (6, self.pay_in_togai),
            (6, self.pay_in_books),
            (2, self.close),
            (1, self.void_in_books),
            (2, self.refund),
            (1, self.grant),
            (1, self.void_credit),
        )

    def edit(self) -> None:
        """One, by chance; what is not possible now, or is refused, gives way to another."""
        weights = [weight for weight, _ in self._ways]
        for _, way in self._random.choices(self._ways, weights, k=TRIES):
            if way():
                self.made[way.__name__] += 1
                return
        raise AssertionError("nobody can do anything any more")

    # --- accounts and customers ---------------------------------------------------------------------------------

    def open_account(self) -> bool:
        name = self._name("Account")
        body = {"id": f"acc-{self._names}", "name": name, "primaryEmail": f"ap{self._names}@example.com"}
        self._both.in_togai(lambda state: state.create_customer({**body, "address": {"line1": "1 Harbour Road"}}))
        return True

    def add_customer(self) -> bool:
        name = self._name("Customer")
        person = {"first_name": "Ada", "email": f"ada{self._names}@example.com", "is_primary_contact": True}
        return self._both.in_books("POST", "contacts", {"contact_name": name, "contact_persons": [person]})

    def rename_account(self) -> bool:
        account = self._any(self._both.accounts())
        if account is None:
            return False
        return self._both.by_togai("PATCH", f"/accounts/{account['id']}", {"name": self._name("Account")})

    def rename_customer(self) -> bool:
        contact = self._any(self._both.contacts())
        if contact is None:
            return False
        fields = [{name: field[name] for name in ("api_name", "value")} for field in contact["custom_fields"]]
        form = {name: contact[name] for name in WRITABLE} | {"custom_fields": fields}
        form["contact_name"] = self._name("Customer")
        return self._both.in_books("PUT", f"contacts/{contact['contact_id']}", form)

    # --- invoices and money -------------------------------------------------------------------------------------

    def bill(self) -> bool:
        account = self._any(self._both.accounts())
        if account is None:
            return False
        price = Decimal(self._random.randint(100, 99_999)) / 100
        card = Card(description="Platform fee", type="FIXED_FEE_RATE_CARD_AMOUNT", slabs=(Slab(Decimal(1), price),))
        spec = InvoiceSpec(account_id=account["id"], parts=Parts(cards=(card,)))
        invoice = self._both.in_togai(lambda state: generate(state, draft(state, spec)["id"]))
        self._fates[invoice["id"]] = self._random.choice(FATES)
        return True

    def pay_in_togai(self) -> bool:
        """A part of one invoice or two of an account, or all that is open of them."""
        due = self._due(PAID, REFUNDED)
        first = self._any(due)
        if first is None:
            return False
        chosen = self._some([each for each in due if each["ownerId"] == first["ownerId"]])
        parts = [(each["id"], self._part(each["totalAmount"] - each["paidAmount"])) for each in chosen]
        self._names += 1
        reference = {"sourceName": "Bank", "sourceType": "BANK_TRANSFER", "transactionNumber": f"wire-{self._names}"}
        records = [
            {"type": "INVOICE", "togaiId": id_, "amount": part, "order": number}
            for number, (id_, part) in enumerate(parts, start=1)
        ]
        return self._both.by_togai(
            "POST",
            "/payments",
            {
                "accountId": first["ownerId"],
                "currency": "USD",
                "totalAmount": sum((part for _, part in parts), Decimal(0)),
                "externalPaymentReference": reference,
                "lineItemRecords": records,
            },
        )

    def pay_in_books(self) -> bool:
        fated = {PAID, REFUNDED}
        due = [
            each
            for each in self._both.invoices_in_books()
            if self._fates.get(self._both.togai_id(each)) in fated and each["balance"] > 0
            if each["status"] in ("sent", "overdue", "partially_paid")
        ]
        first = self._any(due)
        if first is None:
            return False
        chosen = self._some([each for each in due if each["customer_id"] == first["customer_id"]])
        parts = [(each["invoice_id"], self._part(each["balance"])) for each in chosen]
        body = {
            "customer_id": first["customer_id"],
            "payment_mode": self._random.choice(["cash", "check", "banktransfer", "creditcard"]),
            "amount": sum((part for _, part in parts), Decimal(0)),
            "date": first["date"],
            "invoices": [{"invoice_id": id_, "amount_applied": part} for id_, part in parts],
        }
        return self._both.in_books("POST", "customerpayments", body)

    def close(self) -> bool:
        """An invoice that nobody pays comes to what it is fated to."""
        statuses = {MARKED: "PAID", VOID_IN_TOGAI: "VOID", GIVEN_UP: "UN_COLLECTIBLE"}
        invoice = self._any(self._due(*statuses))
        if invoice is None:
            return False
        status = statuses[self._fates[invoice["id"]]]
        return self._moved(invoice, status)

    def void_in_books(self) -> bool:
        invoice = self._any(
            [
                each
                for each in self._both.invoices_in_books()
                if self._fates.get(self._both.togai_id(each)) == VOID_IN_BOOKS and each["status"] in ("sent", "overdue")
            ]
        )
        if invoice is None:
            return False
        return self._both.in_books("POST", f"invoices/{invoice['invoice_id']}/status/void")

    def refund(self) -> bool:
        """Of one that is paid in both: money that is still on its way cannot be given back."""
        paid = {self._both.togai_id(each) for each in self._both.invoices_in_books() if each["status"] == "paid"}
        invoice = self._any(
            [
                each
                for each in self._both.invoices()
                if each["status"] == "PAID" and self._fates[each["id"]] == REFUNDED and each["id"] in paid
            ]
        )
        if invoice is None:
            return False
        return self._moved(invoice, "REFUND_INITIATED")

    def _moved(self, invoice: Json, status: str) -> bool:
        try:
            self._both.in_togai(lambda state: set_status(state, invoice["id"], status))
        except Refusal:
            return False
        return True

    # --- credits ------------------------------------------------------------------------------------------------

    def grant(self) -> bool:
        account = self._any(self._both.accounts())
        if account is None:
            return False
        self._names += 1
        credit = {
            "accountId": account["id"],
            "purpose": f"Goodwill {self._names}",
            "creditAmount": self._random.randint(1, 50),
            "effectiveFrom": "2026-01-01",
            "effectiveUntil": "2027-01-01",
            "priority": 10,
            "idempotencyKey": f"grant-{self._names}",
        }
        return self._both.by_togai("POST", "/credits", {"creditRequests": [credit]})

    def void_credit(self) -> bool:
        credit = self._any([each for each in self._both.credits() if each["status"] == "ACTIVE"])
        if credit is None:
            return False
        return self._both.by_togai("POST", f"/credits/{credit['id']}/void", None)

    # --- chance -------------------------------------------------------------------------------------------------

    def _name(self, what: str) -> str:
        """No two alike: Zoho Books takes a name once."""
        self._names += 1
        return f"{what} {self._names}"

    def _any(self, found: list[Json]) -> Json | None:
        return self._random.choice(found) if found else None

    def _some(self, found: list[Json]) -> list[Json]:
        return self._random.sample(found, min(len(found), self._random.randint(1, 2)))

    def _part(self, amount: Any) -> Decimal:
        """All of it, or a part."""
        whole = Decimal(amount)
        if self._random.random() < 0.5:
            return whole
        return max(Decimal("0.01"), (whole * self._random.randint(1, 9) / 10).quantize(Decimal("0.01")))

    def _due(self, *fates: str) -> list[Json]:
        """Invoices in Togai of which something is open."""
        return [
            each
            for each in self._both.invoices()
            if each["status"] in ("DUE", "PARTIALLY_PAID") and self._fates[each["id"]] in fates
        ]
