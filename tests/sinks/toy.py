"""A small app for the sinks' tests: one action that makes an object under our key, one that only waits for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from pipeline.apps.base import (
    Applied,
    Call,
    Direction,
    Hook,
    Pair,
    Park,
    Plan,
    Poll,
    Quota,
    Refuse,
    Request,
    Session,
    Trigger,
    Unchanged,
    View,
)
from pipeline.control.secrets import SecretBox
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Connection, Lane, ObjectRef, Run
from pipeline.schemas.topics import Topics
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.owner import Owner
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
"""When every test begins, however long the run before it took."""
PARKING = 7 * 24 * 3600.0
TOPICS = Topics("", 2, ("toy",))
BOX = SecretBox({"k": b"0" * 32})


class MakeInput(msgspec.Struct):
    source: ObjectRef
    value: str = ""


class NeedInput(msgspec.Struct):
    source: ObjectRef
    passable: bool = False


class Make:
    """Creates one object for `source`; the same value again is unchanged."""

    name: ClassVar[str] = "make"
    title: ClassVar[str] = "Make"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "PUT /things"
    input = MakeInput

    def plan(self, input: MakeInput, view: View) -> Plan:
        if input.value == "bad":
            return Refuse("a bad value", code="bad")
        found = view.mapped(input.source)
        if found is not None and found.hash == input.value:
            return Unchanged({"id": found.other.id}, found.other)
        return Call("create", Request("PUT", "/things"), source=input.source, hash=input.value)

    async def apply(self, call: Call, session: Session) -> Applied:
        raise NotImplementedError


class Need:
    """Waits until `source` has a counterpart, or for what may be under way."""

    name: ClassVar[str] = "need"
    title: ClassVar[str] = "Need"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "none"
    input = NeedInput

    def plan(self, input: NeedInput, view: View) -> Plan:
        found = view.mapped(input.source)
        return Unchanged({"id": found.other.id}) if found else Park(input.source, "no counterpart yet", input.passable)

    async def apply(self, call: Call, session: Session) -> Applied:
        raise NotImplementedError


class ToyApp:
    """`quota` is what a test sets; the quiet period is ten seconds."""

    name = "toy"
    title = "Toy"
    direction: Direction = "outbound"
    settings = BaseModel
    secrets: Mapping[str, str] = {}
    triggers: Mapping[str, Trigger] = {}

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self.actions: Mapping[str, Any] = {"make": Make(), "need": Need()}
        self.polls: Mapping[str, Poll] = {}

    def quota(self, settings: Mapping[str, Any]) -> Quota:
        return self._quota

    def day_quota(self, headers: Mapping[str, str]) -> None:
        return None

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        return 10.0

    def party(self, trigger: str, data: Any) -> str:
        return ""

    def version(self, trigger: str, data: Any) -> str:
        return ""

    def document(self, trigger: str, event: Event) -> None:
        return None

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        return []

    async def connect(self, settings: Any, secrets: Any, transport: Any) -> Mapping[str, str]:
        return {}

    def session(self, **_: Any) -> Session:
        raise NotImplementedError


FREE = Quota(windows=(), day=None, in_flight=5)


def ref(id_: str) -> ObjectRef:
    return ObjectRef(app="source", type="account", id=id_)


def thing(id_: str) -> ObjectRef:
    return ObjectRef(app="toy", type="thing", id=id_)


def command(
    id_: str, party: str = "p", value: str = "v", action: str = "make", lane: Lane = Lane.LIVE, **more: Any
) -> Command:
    source = {"app": "source", "type": "account", "id": more.pop("source", party)}
    run = Run(
        id=f"run-{id_}", link="link", flow="flow", flow_version="1", event_id=f"event-{id_}",
        event_type="source.account.created", source_connection="src", subject=party, party=party,
    )  # fmt: skip
    given = {"source": source, **more.pop("input", {})} | ({"value": value} if action == "make" else {})
    return Command(
        id=id_, connection="c", app="toy", action=action, party=party, run=run, step="s", index=0, last=True,
        scope="c+src", lane=lane, input=given, **more,
    )  # fmt: skip


def shared(mappings: MappingTable | None = None, codec: Codec | None = None) -> Shared:
    return Shared(TOPICS, codec or Codec(), mappings or MappingTable(), lambda: 0.5, PARKING)


def owner(quota: Quota = FREE, mappings: MappingTable | None = None, checked: bool = True) -> Owner:
    """An owner of connection `c` that has passed its start-up checks."""
    app = ToyApp(quota)
    state = OwnerState(Connection(id="c", app="toy"), app, BOX, lambda: T0)
    if checked:
        state.checked({})
    return Owner(0, app, state, shared(mappings))


def applied(entry_source: ObjectRef, id_: str, value: str = "v") -> Applied:
    return Applied("created", {"id": id_}, thing(id_), Pair(entry_source, thing(id_), hash=value))
