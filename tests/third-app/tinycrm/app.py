"""A small CRM as an app: companies, kept under our ids, and told of by signed webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pipeline.apps.base import DayQuota, Direction, Hook, Poll, Quota, Session, TokenStore, Transport
from pipeline.apps.webhook_secrets import kept_standard
from pipeline.errors import Stopped
from pipeline.schemas.envelope import Event
from tinycrm import hooks as webhooks
from tinycrm.actions import APP, actions
from tinycrm.client import TinyCrmSession
from tinycrm.connection import API_KEY, SECRETS, TinyCrmSettings
from tinycrm.documents import party_of_company
from tinycrm.triggers import TRIGGERS, party_of, version_of


class TinyCrmApp:
    """`apps.base.App`; without state."""

    name = APP
    title = "Tiny CRM"
    direction: Direction = "inbound"
    settings = TinyCrmSettings
    secrets = SECRETS
    triggers = TRIGGERS
    polls: Mapping[str, Poll] = {}

    def __init__(self) -> None:
        self.actions = actions()

    def quota(self, settings: Mapping[str, Any]) -> Quota:
        form = TinyCrmSettings.model_validate(settings)
        return Quota(windows=((form.calls_per_second, 1.0),), day=None, in_flight=4, timeout=form.timeout_seconds)

    def day_quota(self, headers: Mapping[str, str]) -> DayQuota | None:
        return None

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        return TinyCrmSettings.model_validate(settings).quiet_seconds

    def party(self, trigger: str, data: Any) -> str:
        return party_of(data)

    def version(self, trigger: str, data: Any) -> str:
        return version_of(data)

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        """A `documents.Party`."""
        return party_of_company(event.data)

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        return webhooks.hooks(kind, body)

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        """The key is kept as it was typed; no call is needed."""
        key = secrets.get(API_KEY, "").strip()
        if not key:
            raise Stopped(f"the connection needs the secret {API_KEY}: {SECRETS[API_KEY]}")
        return {API_KEY: key, **kept_standard(secrets)}

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
        return TinyCrmSession(TinyCrmSettings.model_validate(settings), secrets.get(API_KEY, ""), api)
