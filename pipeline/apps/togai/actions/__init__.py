"""What Togai can be asked to do, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Action
from pipeline.apps.togai.actions.accounts import ArchiveAccount, CreateAccount, UpdateAccount
from pipeline.apps.togai.actions.credits import GrantCredit, VoidCredit
from pipeline.apps.togai.actions.customers import CreateCustomer, UpdateCustomer
from pipeline.apps.togai.actions.invoice_status import (
    MarkInvoicePaid,
    MarkInvoiceRefundInitiated,
    MarkInvoiceUncollectible,
    VoidInvoice,
)
from pipeline.apps.togai.actions.invoices import CreateInvoice
from pipeline.apps.togai.actions.payments import RecordPayment
from pipeline.apps.togai.actions.reads import GetAccount, GetCredit, GetCustomer, GetInvoice, GetPayment
from pipeline.apps.togai.actions.settings import PutSetting
from pipeline.apps.togai.actions.sync import SyncAccounts, SyncInvoices


def actions() -> Mapping[str, Action[Any]]:
    made: tuple[Action[Any], ...] = (
        PutSetting(),
        CreateCustomer(),
        UpdateCustomer(),
        CreateAccount(),
        UpdateAccount(),
        ArchiveAccount(),
        CreateInvoice(),
        RecordPayment(),
        MarkInvoicePaid(),
        VoidInvoice(),
        MarkInvoiceUncollectible(),
        MarkInvoiceRefundInitiated(),
        GrantCredit(),
        VoidCredit(),
        GetAccount(),
        GetCustomer(),
        GetInvoice(),
        GetPayment(),
        GetCredit(),
        SyncAccounts(),
        SyncInvoices(),
    )
    return {action.name: action for action in made}
