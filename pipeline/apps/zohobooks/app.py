"""Zoho Books as an app: accounting, the destination of contacts and invoices. https://www.zoho.com/books/api/v3/"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pipeline.apps.base import DayQuota, Direction, Hook, Poll, Quota, Session, TokenStore, Transport
from pipeline.apps.zohobooks import auth as oauth
from pipeline.apps.zohobooks import hooks as webhooks
from pipeline.apps.zohobooks import neutral
from pipeline.apps.zohobooks.actions import actions
from pipeline.apps.zohobooks.actions.common import APP
from pipeline.apps.zohobooks.client import ZohoBooksSession
from pipeline.apps.zohobooks.connection import CALLS_PER_DAY, SECRETS, WINDOW_SECONDS, ZohoBooksSettings
from pipeline.apps.zohobooks.faults import day_quota
from pipeline.apps.zohobooks.polls import POLLS
from pipeline.apps.zohobooks.triggers import TRIGGERS, party_of, version_of
from pipeline.schemas.envelope import Event


class ZohoBooksApp:
    """`apps.base.App`; without state."""

    name = APP
    title = "Zoho Books"
    direction: Direction = "inbound"
    settings = ZohoBooksSettings
    secrets = SECRETS
    triggers = TRIGGERS
    polls: Mapping[str, Poll] = POLLS
    hook_steps = webhooks.STEPS
    hook_rules = webhooks.RULES

    def __init__(self) -> None:
        self.actions = actions()

    def quota(self, settings: Mapping[str, Any]) -> Quota:
        """Of the whole organisation, which other apps and people share: leave them room in the settings."""
        form = ZohoBooksSettings.model_validate(settings)
        return Quota(
            windows=((form.calls_per_minute, WINDOW_SECONDS),),
            day=form.calls_per_day or CALLS_PER_DAY[form.plan],
            in_flight=form.in_flight or (4 if form.plan == "free" else 8),
            timeout=form.timeout_seconds,
        )

    def day_quota(self, headers: Mapping[str, str]) -> DayQuota | None:
        return day_quota(headers)

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        """Longer where a connection may have to look objects up (`ways`): its lists must have caught up as well."""
        form = ZohoBooksSettings.model_validate(settings)
        return form.quiet_seconds + (form.lag_seconds if form.unique_field == "preferred" else 0.0)

    def place(self, settings: Mapping[str, Any]) -> str:
        """Organisation ids are unique over all data centres."""
        found = settings.get("organization_id")
        return found if isinstance(found, str) else ""

    def party(self, trigger: str, data: Any) -> str:
        return party_of(trigger, data)

    def version(self, trigger: str, data: Any) -> str:
        return version_of(trigger, data)

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        """A party, invoice, payment or credit note (`neutral`). Of a payment that was deleted there is none."""
        return neutral.document(trigger, event.data)

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        return webhooks.hooks(kind, body)

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        body: bytes,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> None:
        """``X-Zoho-Webhook-Signature`` and the organisation (`hooks.verify`): `apps.base.SignsHooks`."""
        form = ZohoBooksSettings.model_validate(settings)
        webhooks.verify(headers=headers, query=query, body=body, settings=form, secrets=secrets)

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        """Exchange the self client code, at once and once (`auth.exchange`)."""
        return await oauth.exchange(ZohoBooksSettings.model_validate(settings), secrets, transport)

    def secret_faults(self, secrets: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """`apps.base.ChecksSecrets`."""
        return oauth.secret_faults(secrets)

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
        """`now` gives POSIX seconds. Nothing is sent yet."""
        form = ZohoBooksSettings.model_validate(settings)
        return ZohoBooksSession(settings=form, secrets=secrets, api=api, auth=auth, tokens=tokens, now=now)
