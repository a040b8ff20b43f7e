"""One thing that an app can be asked to do, and what doing it achieved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from pipeline.apps.base.planning import Call, Pair, Plan, View
from pipeline.apps.base.polls import Found
from pipeline.apps.base.sessions import Session
from pipeline.schemas.records import ObjectRef


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` achieved. `operation`: ``created`` | ``updated`` | ``unchanged`` | ``written`` | ``read``."""

    operation: str
    output: Mapping[str, Any]
    object: ObjectRef | None = None
    pair: Pair | None = None
    warnings: Sequence[str] = ()
    data: Any = None
    """The object itself, for a fetch that becomes an event."""
    also: Sequence[str] = ()
    """Other triggers that the fetched object is an event of: its state speaks of more than what was asked for."""
    sourceversion: str = ""
    found: Sequence[Found] = ()
    """Objects that become events of their own, in the lane of reconciliation."""
    go_on: Mapping[str, Any] | None = None
    """It is not done: the parts of its input that the next attempt differs in. `found` is kept with them."""
    settled: str = ""
    """How the effect became certain, where the action knows better than its caller: ``lookup``."""


Input = TypeVar("Input", bound=msgspec.Struct)


class Action(Protocol, Generic[Input]):
    """One thing an app can be asked to do.

    `repeat` says what makes it safe to repeat: ``keyed`` (the destination enforces our unique key), ``idempotent``
    (setting the same state twice is one state), ``read``. `safe` says it in words, `calls` how many calls are made.

    An action may have `names`, the inputs that say which object it writes (else `source`, else all of them), and
    `shared` where several links may ask for the same object, because it only makes what is missing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    repeat: ClassVar[str]
    safe: ClassVar[str]
    calls: ClassVar[str]
    input: type[Input]

    def plan(self, input: Input, view: View) -> Plan:
        """Decide without I/O. Raises `Refused` where the input cannot be booked."""

    async def apply(self, call: Call, session: Session) -> Applied:
        """Carry `call` out. Raises the `EffectError`s; never retries on its own."""
