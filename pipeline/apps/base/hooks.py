"""What a webhook came down to, and how an app signs its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Hook:
    """What a webhook body came down to: one hinted event without connection (the receiver adds it)."""

    trigger: str
    subject: str
    data: Any
    sourceversion: str = ""


@runtime_checkable
class SignsHooks(Protocol):
    """What an app has besides where its webhooks are signed in its own way; receivers ask by `isinstance`."""

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        body: bytes,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> None:
        """Raises `Unverified`. `headers` are in lower case, `query` holds the address's pairs, decoded."""


@runtime_checkable
class GuidesHooks(Protocol):
    """What an app may say besides, for the person who sets its webhooks up."""

    hook_steps: Sequence[str]
    """What to do at the app, so that it sends webhooks and signs them."""
    hook_rules: Mapping[str, str]
    """By trigger: when the app is to call the address of this one, in its own words."""
