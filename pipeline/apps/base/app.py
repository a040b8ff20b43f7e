"""The app as a whole: what its entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel

from pipeline.apps.base.actions import Action
from pipeline.apps.base.hooks import Hook
from pipeline.apps.base.http import Transport
from pipeline.apps.base.polls import Poll
from pipeline.apps.base.sessions import DayQuota, Quota, Session, TokenStore
from pipeline.apps.base.triggers import Trigger
from pipeline.schemas.envelope import Event

Direction = Literal["outbound", "inbound"]
"""The type of the flows that start with an app's events. Togai's pages call outbound what leaves Togai."""


class App(Protocol):
    """An app: found by entry point (`pipeline.apps`), one instance, no state."""

    name: str
    title: str
    direction: Direction
    settings: type[BaseModel]
    """Connection form: what is not secret. Raises a validation error that names the field."""
    secrets: Mapping[str, str]
    """Connection form: secret fields with their descriptions."""
    triggers: Mapping[str, Trigger]
    actions: Mapping[str, Action[Any]]
    polls: Mapping[str, Poll]

    def quota(self, settings: Mapping[str, Any]) -> Quota: ...

    def day_quota(self, headers: Mapping[str, str]) -> DayQuota | None:
        """From the headers of an answer (lower case); None where they say nothing."""

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        """Seconds after which a lost call can no longer take effect: longer than the app's own time-out."""

    def party(self, trigger: str, data: Any) -> str:
        """The party of an event whose producer gave none; "" where it cannot be told."""

    def version(self, trigger: str, data: Any) -> str:
        """The source's version of the object, "" where it has none."""

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        """The event's object as a neutral document; None where the trigger has none. Raises `Refused` if it cannot."""

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        """The events of a webhook body. Raises `Undecodable`."""

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        """Turn what the user typed into what is kept (a code becomes a refresh token). Raises `Stopped`."""

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
        """A session over two transports: `api` is metered by the worker's quota, `auth` reaches the token endpoint."""


@runtime_checkable
class NamesItsPlace(Protocol):
    """What an app has besides where its settings say what a connection leads to."""

    def place(self, settings: Mapping[str, Any]) -> str:
        """The same text for all connections that see the same objects; "" where it is not said. Never raises."""


@runtime_checkable
class ChecksSecrets(Protocol):
    """What an app has besides where it sees that secrets will not do before anybody is asked."""

    def secret_faults(self, secrets: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """(field, what is wrong) of all secrets of a connection, missing ones too; no value is repeated."""
