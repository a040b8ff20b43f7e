"""Togai as an app: usage billing, the source of accounts and invoices. https://docs.togai.com"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel

from pipeline.apps.base import Action, DayQuota, Direction, Hook, Poll, Quota, Session, TokenStore, Transport, Trigger
from pipeline.apps.togai import hooks as webhooks
from pipeline.apps.togai.actions import actions
from pipeline.apps.togai.actions.common import APP
from pipeline.apps.togai.client import TogaiSession
from pipeline.apps.togai.connection import API_KEY, SECRETS, TogaiSettings
from pipeline.apps.togai.documents import invoice_document, party_of_account, party_of_customer, read
from pipeline.apps.togai.polls import POLLS
from pipeline.apps.togai.receipts import credit_document, payment_document
from pipeline.apps.togai.triggers import TRIGGERS, party_of, version_of
from pipeline.apps.webhook_secrets import kept_standard, standard_faults
from pipeline.errors import Stopped
from pipeline.schemas import togai
from pipeline.schemas.envelope import Event


class TogaiApp:
    """`apps.base.App`; without state."""

    name: str = APP
    title: str = "Togai"
    direction: Direction = "outbound"
    settings: type[BaseModel] = TogaiSettings
    secrets: Mapping[str, str] = SECRETS
    triggers: Mapping[str, Trigger] = TRIGGERS

    polls: Mapping[str, Poll] = POLLS

    def __init__(self) -> None:
        self.actions: Mapping[str, Action[Any]] = actions()

    def quota(self, settings: Mapping[str, Any]) -> Quota:
        form = TogaiSettings.model_validate(settings)
        windows = ((form.calls_per_second, 1.0),)
        return Quota(windows=windows, day=None, in_flight=form.in_flight, timeout=form.timeout_seconds)

    def day_quota(self, headers: Mapping[str, str]) -> DayQuota | None:
        return None

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        return TogaiSettings.model_validate(settings).quiet_seconds

    def party(self, trigger: str, data: Any) -> str:
        return party_of(trigger, data)

    def version(self, trigger: str, data: Any) -> str:
        return version_of(trigger, data)

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        """A party, an invoice, a payment, or a credit note for a credit. Of a due time or a payload there is none."""
        match TRIGGERS[trigger].object:
            case "account":
                return party_of_account(read(togai.Account, event.data))
            case "customer":
                return party_of_customer(read(togai.Customer, event.data))
            case "invoice":
                return invoice_document(read(togai.Invoice, event.data))
            case "payment":
                return payment_document(read(togai.Payment, event.data), event.data)
            case "credit":
                return credit_document(read(togai.Credit, event.data), event.data)
            case _:
                return None

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        return webhooks.hooks(kind, body)

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        """The secrets are kept as they are; no call is needed."""
        return {API_KEY: _token(secrets), **kept_standard(secrets)}

    def secret_faults(self, secrets: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """`apps.base.ChecksSecrets`."""
        missing = [] if secrets.get(API_KEY, "").strip() else [(API_KEY, f"is missing: {SECRETS[API_KEY]}")]
        return [*missing, *standard_faults(secrets)]

    def session(
        self,
        *,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        api: Transport,
        auth: Transport,
        tokens: TokenStore,
        now: Any,
    ) -> Session:
        return TogaiSession(TogaiSettings.model_validate(settings), _token(secrets), api)


def _token(secrets: Mapping[str, str]) -> str:
    token = secrets.get(API_KEY, "").strip()
    if not token:
        raise Stopped(f"the connection needs the secret {API_KEY}: {SECRETS[API_KEY]}")
    return token
