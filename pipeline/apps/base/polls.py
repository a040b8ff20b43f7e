"""Looking for what webhooks have missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pipeline.apps.base.sessions import Session


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was found new or changed: what becomes an event of `trigger`.

    `hint`: the data is not the whole object, which has to be fetched.
    """

    trigger: str
    subject: str
    data: Any
    sourceversion: str = ""
    hint: bool = False


@dataclass(frozen=True, slots=True)
class Polled:
    """What one step of a poll gave. `cursor` is where the next one goes on, kept with the events in one transaction.

    `after`: seconds until then; 0.0 where there is more to be had at once.
    """

    found: Sequence[Found]
    cursor: Mapping[str, Any]
    after: float


@dataclass(frozen=True, slots=True)
class Polling:
    """What a step of a poll may look at.

    `wanted` are the triggers that links wait for, each with what their flows say about it (`TriggerSpec.given`).
    `cursor` is the last step's, empty before the first one. `memory` lives as long as the connection has this owner.
    """

    wanted: Mapping[str, Sequence[Mapping[str, Any]]]
    cursor: Mapping[str, Any]
    memory: dict[str, Any]
    settings: Mapping[str, Any]
    profile: Mapping[str, Any]
    now: float


class Poll(Protocol):
    """Looks for what webhooks have missed. `most` calls a step at the most; `triggers` are those that it can give."""

    name: ClassVar[str]
    triggers: ClassVar[frozenset[str]]
    most: ClassVar[int]

    async def step(self, session: Session, look: Polling) -> Polled:
        """Raises the `EffectError`s. The same change gives the same event as a webhook does: same trigger, version."""
