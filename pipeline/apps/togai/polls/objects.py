"""Accounts, customers, invoices and credits: what differs, and which events that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pipeline.apps.togai.actions.accounts import ARCHIVED
from pipeline.apps.togai.actions.credits import VOIDED
from pipeline.apps.togai.actions.invoice_status import status_of
from pipeline.apps.togai.documents import ACCOUNT, CREDIT, CUSTOMER, INVOICE
from pipeline.apps.togai.polls.sweep import NEW, UNSURE, State, Sweep, Walk
from pipeline.apps.togai.triggers import ORDER, STATES
from pipeline.apps.togai.versions import version_of

ONGOING = frozenset(("DRAFT", "MERGED"))
"""Invoices that are not looked at: recomputed all the time, or part of their group's."""
OPEN = ("DUE", "PARTIALLY_PAID", "UN_COLLECTIBLE", "REFUND_INITIATED")
"""Statuses from which an invoice goes on by itself; the others are its end."""


class AccountPoll(Sweep):
    """By a hash of their content: accounts have no times."""

    name: ClassVar[str] = "accounts"
    triggers: ClassVar[frozenset[str]] = frozenset(("account.created", "account.updated", "account.archived"))
    most: ClassVar[int] = 6
    noun: ClassVar[str] = ACCOUNT
    reads: ClassVar[int] = 3

    def kinds(self, record: Mapping[str, Any], before: State) -> Iterator[str]:
        if record.get("status") == ARCHIVED:
            yield "account.archived"
            return
        if before in (NEW, UNSURE):
            yield "account.created"
        if before != NEW:
            yield "account.updated"


class CustomerPoll(Sweep):
    """By their time of last change."""

    name: ClassVar[str] = "customers"
    triggers: ClassVar[frozenset[str]] = frozenset(("customer.created", "customer.updated"))
    most: ClassVar[int] = 6
    noun: ClassVar[str] = CUSTOMER

    def kinds(self, record: Mapping[str, Any], before: State) -> Iterator[str]:
        if before in (NEW, UNSURE) and record.get("status") != ARCHIVED:
            yield "customer.created"
        if before != NEW:
            yield "customer.updated"


class InvoicePoll(Sweep):
    """Between whole sweeps, the open ones: one that was open and is not among them any more has gone on."""

    name: ClassVar[str] = "invoices"
    triggers: ClassVar[frozenset[str]] = frozenset(("invoice.generated", "invoice.updated", ORDER, *STATES.values()))
    most: ClassVar[int] = 6
    noun: ClassVar[str] = INVOICE
    part: ClassVar[Sequence[Mapping[str, str]]] = tuple({"status": status} for status in OPEN)
    latest_first: ClassVar[bool] = False

    def state(self, row: Mapping[str, Any]) -> State:
        status = status_of(row)
        if status in ONGOING:
            return ""
        return f"{status};{row.get('paidAmount') or 0};{version_of(INVOICE, row)}"

    def kinds(self, record: Mapping[str, Any], before: State) -> Iterator[str]:
        """Money that came in is told although the status stays."""
        status = status_of(record)
        if status in ONGOING:
            return
        if before in (NEW, UNSURE) and status != "VOID":
            yield ORDER if record.get("invoiceClass") == "ORDER" else "invoice.generated"
        if before != NEW:
            yield "invoice.updated"
        known = before not in (NEW, UNSURE)
        if not known or before.split(";")[:2] != self.state(record).split(";")[:2]:
            yield from (STATES[status],) if status in STATES else ()

    def missing(self, walk: Walk) -> list[str]:
        known = walk.known or {}
        return [id_ for id_, state in known.items() if state.partition(";")[0] in OPEN and id_ not in walk.seen]


class CreditPoll(Sweep):
    """By status and time of last change. The list begins with the newest; that one was voided, a whole sweep shows."""

    name: ClassVar[str] = "credits"
    triggers: ClassVar[frozenset[str]] = frozenset(("credit.granted", "credit.voided"))
    most: ClassVar[int] = 6
    noun: ClassVar[str] = CREDIT

    def kinds(self, record: Mapping[str, Any], before: State) -> Iterator[str]:
        if before in (NEW, UNSURE):
            yield "credit.granted"
        if record.get("status") == VOIDED and not before.endswith(f";{VOIDED}"):
            yield "credit.voided"
