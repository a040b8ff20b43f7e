"""Whether both twins hold the same: each account its customer, each invoice its invoice, money and credits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from pipeline.sandbox.wire import Json
from tests.e2e.soak.both import Both

ZERO = Decimal(0)
CUSTOMER = "ZohoBooksCustomerId"
SETTLED = frozenset(("PAID", "REFUND_INITIATED"))
REFUNDED = "REFUND_INITIATED"


def differences(both: Both) -> list[str]:
    """In words, what differs; what is in one only too."""
    return [*_accounts(both), *_invoices(both), *_credits(both), *_twice(both)]


def _accounts(both: Both) -> Iterator[str]:
    settings = both.settings()
    contacts = {contact["contact_id"]: contact for contact in both.contacts()}
    paired: Counter[str] = Counter()
    for account in both.accounts():
        id_ = settings.get((account["id"], CUSTOMER), "")
        contact = contacts.get(id_)
        paired[id_] += 1
        if contact is None:
            yield f"account {account['id']} has no customer"
            continue
        if contact["contact_name"] != account["name"]:
            yield f"account {account['id']} is {account['name']!r}, its customer {contact['contact_name']!r}"
        if account.get("primaryEmail", "") not in {person["email"] for person in contact["contact_persons"]}:
            yield f"account {account['id']} and its customer have different addresses"
    yield from (f"customer {id_} has {paired[id_]} accounts" for id_ in contacts if paired[id_] != 1)


def _invoices(both: Both) -> Iterator[str]:
    booked: dict[str, list[Json]] = {}
    for invoice in both.invoices_in_books():
        booked.setdefault(both.togai_id(invoice), []).append(invoice)
    paid = _paid(both)
    refunded = {str(note["reference_number"]): note for note in both.credit_notes() if note["creditnote_refunds"]}
    for invoice in both.invoices():
        found = booked.pop(invoice["id"], [])
        if len(found) > 1:
            yield f"invoice {invoice['id']} is booked {len(found)} times"
        elif not found:
            if invoice["status"] != "VOID":
                yield f"invoice {invoice['id']} is {invoice['status']} and not booked"
        else:
            said = _said(invoice)
            is_ = _is(found[0], paid.get(found[0]["invoice_id"], ZERO))
            if said != is_:
                yield f"invoice {invoice['id']} is {said} in Togai, {is_} in Zoho Books"
        if invoice["status"] == REFUNDED:
            note = refunded.get(invoice["sequenceId"])
            if note is None or note["total"] != invoice["totalAmount"] or note["balance"]:
                yield f"invoice {invoice['id']} was not refunded in Zoho Books"
    yield from (f"{len(found)} invoices in Zoho Books were made of {id_ or 'nothing'}" for id_, found in booked.items())


def _said(invoice: Json) -> tuple[str, Decimal, Decimal]:
    """Status in one word for both, what is open, what was paid: as Togai has it."""
    status, total, paid = invoice["status"], Decimal(invoice["totalAmount"]), Decimal(invoice["paidAmount"])
    match status:
        case "VOID":
            return "void", ZERO, ZERO
        case "UN_COLLECTIBLE":
            return "written off", ZERO, paid
    word = "paid" if status in SETTLED else "paid in part" if paid else "open"
    return word, total - paid, paid


def _is(invoice: Json, paid: Decimal) -> tuple[str, Decimal, Decimal]:
    """The same, as Zoho Books has it."""
    status, balance = invoice["status"], Decimal(invoice["balance"])
    if status == "void":
        return "void", balance, paid
    if invoice["write_off_amount"]:
        return "written off", balance, paid
    words = {"partially_paid": "paid in part", "sent": "open", "overdue": "open"}
    return words.get(status, str(status)), balance, paid


def _paid(both: Both) -> dict[str, Decimal]:
    """What payments gave to each invoice in Zoho Books."""
    found: dict[str, Decimal] = {}
    for payment in both.payments_in_books():
        for part in payment["invoices"]:
            found[part["invoice_id"]] = found.get(part["invoice_id"], ZERO) + part["amount_applied"]
    return found


def _credits(both: Both) -> Iterator[str]:
    notes = {
        str(field["value"]): note
        for note in both.credit_notes()
        for field in note["custom_fields"]
        if field["api_name"] == "cf_togai_credit_note_id"
    }
    for credit in both.credits():
        note = notes.get(credit["id"])
        if credit["status"] == "VOIDED":
            if note is not None and note["status"] != "void":
                yield f"credit {credit['id']} is voided, its credit note is {note['status']}"
        elif note is None:
            yield f"credit {credit['id']} has no credit note"
        elif note["status"] != "open" or note["total"] != credit["creditAmount"]:
            yield f"credit {credit['id']} of {credit['creditAmount']} has a note of {note['total']}, {note['status']}"


def _twice(both: Both) -> Iterator[str]:
    """By the twins' own ledgers: nothing was made twice."""
    for name, found in zip(("Zoho Books", "Togai"), both.twins.objects(), strict=True):
        for place in (found, *found.get("organizations", {}).values()):
            if place.get("duplicates"):
                yield f"{name} holds {place['duplicates']} duplicates"
