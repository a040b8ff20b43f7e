"""What Zoho Books can be asked to do, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Action
from pipeline.apps.zohobooks.actions.contacts import EnsureContact, UpsertContact
from pipeline.apps.zohobooks.actions.invoices import CreateInvoice, MarkInvoiceSent
from pipeline.apps.zohobooks.actions.reads import GetContact, GetInvoice


def actions() -> Mapping[str, Action[Any]]:
    made: tuple[Action[Any], ...] = (
        UpsertContact(),
        EnsureContact(),
        CreateInvoice(),
        MarkInvoiceSent(),
        GetContact(),
        GetInvoice(),
    )
    return {action.name: action for action in made}
