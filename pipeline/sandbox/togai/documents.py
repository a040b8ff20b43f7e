"""A Togai invoice and its life: ongoing (DRAFT), generated (DUE), paid, void, merged into a group's.

The transitions are those of the invoice statuses page: DRAFT to DUE or VOID; DUE to PARTIALLY_PAID, PAID,
UN_COLLECTIBLE, MERGED or VOID; PAID to REFUND_INITIATED and on to REFUND_COMPLETED; UN_COLLECTIBLE to PAID or VOID.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from pipeline.sandbox.togai.errors import bad
from pipeline.sandbox.togai.money import ZERO, Parts, grand_total, total
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json

TRANSITIONS = {
    "DRAFT": {"DUE", "VOID"},
    "DUE": {"PARTIALLY_PAID", "PAID", "UN_COLLECTIBLE", "MERGED", "VOID"},
    "PARTIALLY_PAID": {"PAID"},
    "PAID": {"REFUND_INITIATED"},
    "REFUND_INITIATED": {"REFUND_COMPLETED"},
    "UN_COLLECTIBLE": {"PAID", "VOID"},
}
OWNERLESS = frozenset({"COMPOSITE"})
"""Types of invoices that no account owns; any account of the group may pay them."""


class InvoiceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invoice to be drafted for an account. The period is [start, end); without one it is the last month."""

    account_id: str
    parts: Parts
    invoice_type: str = "STANDARD"
    invoice_class: str = "INVOICE"
    price_plan: str = "Scale"
    start: datetime | None = None
    end: datetime | None = None


def draft(state: State, spec: InvoiceSpec) -> Json:
    """An ongoing invoice. It has no number yet; its creation and every refresh show as `invoice.updated`."""
    account = state.account(spec.account_id)
    currency = account["invoiceCurrency"]
    tree = grand_total([total(spec.parts, currency)], currency)
    invoice = _invoice(state, spec, tree) | {
        "customerId": account["customerId"],
        "ownerId": account["id"],
        "netTermDays": account["netTermDays"],
        "invoiceDetails": {
            "customer": _party(state.customer(account["customerId"]), "address"),
            "account": {**_party(account, "address"), "invoiceCurrency": currency},
            "pricePlanName": spec.price_plan,
        },
    }
    state.invoices[invoice["id"]] = invoice
    state.hooks.emit("invoice.updated", invoice)
    return invoice


def generate(state: State, id_: str, *, finalizing: bool = False) -> Json:
    """DRAFT becomes DUE: numbered, dated, final. A total of zero becomes PAID at once.

    With `finalizing`, tax and e-invoicing still run (`finalizingStatus` FINALIZING) until `finalize`.
    """
    invoice = _move(state.invoice(id_), "DUE")
    invoice = _dated(state, invoice) | {"finalizingStatus": "FINALIZING" if finalizing else "FINALIZED"}
    if invoice["totalAmount"] == 0:
        invoice["status"] = "PAID"
    state.invoices[id_] = invoice
    kind = "order.generated" if invoice["invoiceClass"] == "ORDER" else "invoice.generated"
    state.hooks.emit(kind, invoice)
    return invoice


def finalize(state: State, id_: str) -> Json:
    """FINALIZING becomes FINALIZED."""
    invoice = state.invoice(id_) | {"finalizingStatus": "FINALIZED", "updatedAt": state.now()}
    return changed(state, invoice)


def consolidate(state: State, group_id: str, member_ids: list[str]) -> Json:
    """The members' drafts become MERGED and one composite invoice of the group becomes DUE. Gives the composite.

    The members are never DUE in between. They are announced as generated all the same, so that a reader has to look
    at the status.
    """
    group = state.group(group_id)
    currency = group["invoiceCurrency"]
    nodes = []
    members = []
    for id_ in member_ids:
        member = _move(_move(state.invoice(id_), "DUE"), "MERGED")
        member = _dated(state, member) | {"finalizingStatus": "FINALIZED"}
        name = member["invoiceDetails"]["account"]["name"]
        nodes += [node | {"description": name} for node in member["revenueInfo"]["lineItems"]]
        members.append(member)
    first = members[0]
    composite = {
        **first,
        "id": state.ids("inv"),
        "ownerId": group["id"],
        "invoiceType": "COMPOSITE",
        "status": "DUE",
        "netTermDays": group["netTermDays"],
        "revenueInfo": grand_total(nodes, currency),
        "invoiceDetails": {
            "customer": first["invoiceDetails"]["customer"],
            "invoiceGroup": {
                "id": group["id"],
                "name": group["name"],
                "email": group["email"],
                "dailyInvoiceConsolidation": False,
                "invoiceCurrency": currency,
                "address": group["billingAddress"],
            },
            "pricePlanName": first["invoiceDetails"]["pricePlanName"],
        },
    }
    composite = _dated(state, composite) | {"totalAmount": composite["revenueInfo"]["value"]}
    for invoice in (*members, composite):
        state.invoices[invoice["id"]] = invoice
    for invoice in (*members, composite):
        state.hooks.emit("invoice.generated", invoice)
    return composite


def set_status(state: State, id_: str, status: str) -> Json:
    """Move an invoice on, as the table allows. PAID settles the rest."""
    invoice = _move(state.invoice(id_), status)
    if status == "PAID":
        invoice |= {"paidAmount": invoice["totalAmount"], "invoiceClass": _class_when_paid(invoice)}
    if status == "DUE":
        return generate(state, id_)
    return changed(state, invoice | {"updatedAt": state.now()})


def payable(state: State, id_: str, account_id: str, amount: Decimal) -> Json:
    """The invoice as it is once an account has paid `amount`. Raises Refusal where that is not due, or not its own."""
    invoice = state.invoice(id_)
    if invoice["ownerId"] != account_id and invoice["invoiceType"] not in OWNERLESS:
        raise bad(f"Invoice {id_} is not of account {account_id}")
    paid = invoice["paidAmount"] + amount
    if paid > invoice["totalAmount"]:
        raise bad(f"Invoice {id_} has less than {amount} due")
    status = "PAID" if paid == invoice["totalAmount"] else "PARTIALLY_PAID"
    if status not in TRANSITIONS.get(invoice["status"], ()) and invoice["status"] != "PARTIALLY_PAID":
        raise bad(f"Invoice {id_} is {invoice['status']} and can't be paid")
    class_ = _class_when_paid(invoice) if status == "PAID" else invoice["invoiceClass"]
    return {**invoice, "paidAmount": paid, "status": status, "invoiceClass": class_, "updatedAt": state.now()}


def pay(state: State, id_: str, amount: Decimal) -> Json:
    """Book a payment of whoever owes it. Raises Refusal where nothing is due, or less than `amount`."""
    return changed(state, payable(state, id_, state.invoice(id_)["ownerId"], amount))


def changed(state: State, invoice: Json) -> Json:
    """Store a new state of an invoice and announce it."""
    state.invoices[invoice["id"]] = invoice
    state.hooks.emit("invoice.updated", invoice)
    return invoice


def summary(invoice: Json) -> Json:
    """The invoice as lists show it: no trees."""
    hidden = ("usageInfo", "revenueInfo", "metadata", "info", "autoAdvance")
    return {name: value for name, value in invoice.items() if name not in hidden}


def _class_when_paid(invoice: Json) -> str:
    """An order becomes an invoice once it is paid."""
    return "INVOICE" if invoice["invoiceClass"] == "ORDER" else str(invoice["invoiceClass"])


def _move(invoice: Json, status: str) -> Json:
    if status not in TRANSITIONS.get(invoice["status"], ()):
        raise bad(f"Invoice can't go from {invoice['status']} to {status}")
    return {**invoice, "status": status}


def _invoice(state: State, spec: InvoiceSpec, tree: Json) -> Json:
    end = spec.end or _month(state)
    start = spec.start or (end - timedelta(days=1)).replace(day=1)
    now = state.now()
    return {
        "id": state.ids("inv"),
        "pricePlanId": state.ids("pp"),
        "invoiceClass": spec.invoice_class,
        "invoiceType": spec.invoice_type,
        "status": "DRAFT",
        "autoAdvance": True,
        "startDate": _iso(start),
        "endDate": _iso(end),
        "endDateInclusive": _iso(end - timedelta(milliseconds=1)),
        "invoiceDate": _iso(end),
        "updatedAt": now,
        "totalAmount": tree["value"],
        "paidAmount": ZERO,
        "metadata": {},
        "info": [],
        "usageInfo": [
            {
                "description": card.description,
                "type": "USAGE_METER_USAGE",
                "value": sum((slab.quantity for slab in card.slabs), ZERO),
                "units": "USAGE_UNITS",
            }
            for card in spec.parts.cards
            if card.type == "USAGE_RATE_CARD_AMOUNT"
        ],
        "revenueInfo": tree,
    }


def _dated(state: State, invoice: Json) -> Json:
    """The invoice with number, dates and document of its generation now."""
    state.sequence += 1
    now = datetime.fromtimestamp(state.clock.now(), UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return invoice | {
        "sequenceId": f"{now:%Y-%m}-{state.sequence:04d}",
        "invoiceDate": _iso(day),
        "dueDate": _iso(day + timedelta(days=invoice["netTermDays"])),
        "generatedAt": state.now(),
        "updatedAt": state.now(),
        "pdfUrl": f"https://files.example.com/{invoice['id']}.pdf",
    }


def _month(state: State) -> datetime:
    """The beginning of the current month."""
    now = datetime.fromtimestamp(state.clock.now(), UTC)
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _party(source: Json, *more: str) -> Json:
    return {name: source[name] for name in ("name", "primaryEmail", *more) if name in source}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
