"""Flows as people manage them: found, written, copied, deleted. Every change is planned as `apply` plans a file.

A version is the hash of its content, so an edit makes a new row beside the old one: a run goes on with the version that
it began with. Old rows stay until the flow is deleted, and it is not deleted while anything may still read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from pipeline.control.apply import ControlWriter
from pipeline.control.checked import CheckedFlow
from pipeline.control.files import Desired
from pipeline.control.manage.changes import Changed, Planner, carry_out, not_ended
from pipeline.control.manage.copies import copied
from pipeline.control.places import Fault, Faults
from pipeline.control.planned import ApplyPlan
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import ConfigurationError, Conflict, NotThere
from pipeline.schemas.records import FlowVersion


class OptionText(Protocol):
    """An option as its author wrote it."""

    @property
    def type(self) -> str: ...
    @property
    def choices(self) -> list[str]: ...
    @property
    def default(self) -> Any: ...
    @property
    def description(self) -> str: ...
    @property
    def required(self) -> bool: ...


class ActionText(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def app(self) -> str: ...
    @property
    def action(self) -> str: ...


class FlowText(Protocol):
    """What a flow says of itself."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def visibility(self) -> str: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def options(self) -> Mapping[str, OptionText]: ...
    @property
    def actions(self) -> Sequence[ActionText]: ...


class ReadableFlow(CheckedFlow, Protocol):
    @property
    def spec(self) -> FlowText: ...


class Kind(StrEnum):
    """Which flows: all, those of the catalogue, or those of this installation."""

    ALL = "all"
    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class FlowCard:
    """A flow in the list: the version that was written last, or as it is in the catalogue where none is `stored`.

    `links` are those that use it, on or off. `fault` says why it cannot be read any more.
    """

    id: str
    version: str
    name: str = ""
    description: str = ""
    type: str = ""
    visibility: str = ""
    tags: list[str] = field(default_factory=list)
    trigger: str = ""
    actions: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    stored: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FlowOption:
    """What a link may set. `required`: it has no default."""

    name: str
    type: str
    choices: list[str]
    default: Any
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class FlowShown:
    """A flow with its text. `versions` are all that are kept, the oldest first, with the links that run each."""

    card: FlowCard
    text: str
    file: str
    options: list[FlowOption]
    versions: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Flows:
    """Over what is stored now. `ready` are the flows of the catalogue as (file, text)."""

    stored: ControlSnapshot
    ready: Sequence[tuple[str, str]]
    check: Callable[[str, str], ReadableFlow]
    plan: Planner

    def cards(self, search: str = "", kind: Kind = Kind.ALL) -> list[FlowCard]:
        """Those whose name, description, id or one of whose tags holds each word of `search`."""
        words = search.lower().split()
        cards = [self._card(record) for record in self._latest().values()]
        return [card for card in cards if _in(card, kind) and all(word in _searched(card) for word in words)]

    def shown(self, id: str) -> FlowShown:
        """Raises `NotThere`."""
        record = self.record(id)
        try:
            options = self.check(record.text, record.file).spec.options
        except ConfigurationError:
            options = {}
        links: dict[str, list[str]] = {version: [] for flow, version in self.stored.flows if flow == id}
        for link in self.stored.links.values():
            if link.flow == id:
                links.setdefault(link.flow_version, []).append(link.id)
        return FlowShown(
            card=self._card(record),
            text=record.text,
            file=record.file,
            options=[
                FlowOption(name, one.type, list(one.choices), one.default, one.required, one.description)
                for name, one in options.items()
            ],
            versions=links,
        )

    def record(self, id: str) -> FlowVersion:
        """The version that was written last, else the catalogue's. Raises `NotThere`."""
        latest = self._latest()
        if id not in latest:
            raise NotThere(f"no flow {id!r}; there are: {', '.join(sorted(latest)) or 'none'}")
        return latest[id]

    def create(self, text: str, file: str, writer: ControlWriter) -> list[Changed]:
        """A new flow. Raises `Faults` with all that is wrong, `Conflict` where the id is taken."""
        plan = self.plan(_asked(text, file), self.stored, True)
        for change in plan.flows:
            if change.id in self._latest():
                raise Conflict(f"there is a flow {change.id!r} already: edit it, or choose another id")
        return carry_out(plan, writer)

    def edit(self, id: str, text: str, file: str, writer: ControlWriter, *, move_links: bool = True) -> list[Changed]:
        """A new version. Its links run it from now on, or stay on theirs. Raises `Faults`, `NotThere`, `Conflict`."""
        before = self.record(id)
        if id in self._catalogue():
            raise Conflict(f"flow {id!r} is of the catalogue: copy it under an id of your own, and edit the copy")
        plan = self.plan(_asked(text, before.file or file), self.stored, move_links)
        for change in plan.flows:
            if change.id != id:
                message = f"this is flow {change.id!r}, not {id!r}: a flow keeps its id; copy it to have another"
                raise Faults([Fault(before.file or file, message)])
        return carry_out(plan, writer)

    def replacing(self, id: str, text: str, file: str) -> ApplyPlan:
        """The plan of a new version to which all links move; of a flow of the catalogue, too. Raises `Faults`."""
        plan = self.plan(_asked(text, file), self.stored, True)
        for change in plan.flows:
            if change.id != id:
                raise Faults([Fault(file, f"this is flow {change.id!r}, not {id!r}: a flow keeps its id")])
        return plan

    def copy(self, id: str, to: str, writer: ControlWriter, *, name: str = "") -> list[Changed]:
        """`id` as a private flow called `to`. Raises `NotThere`, `Conflict`, `Faults`."""
        if to in self._latest():
            raise Conflict(f"there is a flow {to!r} already: choose another id")
        return self.create(copied(self.record(id).text, to, name), f"{to}.yaml", writer)

    def deleted(self, id: str, open_runs: int) -> list[FlowVersion]:
        """The rows that go. Raises `NotThere`, and `Conflict` while links use it or runs of it are open.

        A run reads the version that it began with at each step: without its row it would end there as failed.
        """
        rows = [record for record in self.stored.flows.values() if record.id == id]
        if not rows:
            self.record(id)
            raise Conflict(f"flow {id!r} is of the catalogue and nothing uses it: there is nothing to delete")
        links = sorted(link.id for link in self.stored.links.values() if link.flow == id)
        if links:
            raise Conflict(
                f"flow {id!r} is used by link {', '.join(links)}: remove {'it' if len(links) == 1 else 'them'} first"
            )
        if id in self.stored.shadows:
            raise Conflict(f"version {self.stored.shadows[id].version} of flow {id!r} is shadowed: stop that first")
        if open_runs:
            raise Conflict(f"{not_ended(open_runs, f'flow {id!r}')}, and read it: delete it when they have")
        return rows

    def _latest(self) -> dict[str, FlowVersion]:
        """By id: what is stored, in the order in which it was written first, then what is in the catalogue alone."""
        found = {
            id: record for id in dict.fromkeys(id for id, _ in self.stored.flows) if (record := self.stored.flow(id))
        }
        return {**found, **{id: record for id, record in self._catalogue().items() if id not in found}}

    def _catalogue(self) -> dict[str, FlowVersion]:
        found = {}
        for file, text in self.ready:
            try:
                flow = self.check(text, file)
                id, version = flow.id, flow.version
            except ConfigurationError:
                id, version = Path(file).stem, ""
            found[id] = FlowVersion(id=id, version=version, text=text, file=file)
        return found

    def _card(self, record: FlowVersion) -> FlowCard:
        links = sorted(link.id for link in self.stored.links.values() if link.flow == record.id)
        stored = (record.id, record.version) in self.stored.flows
        try:
            flow = self.check(record.text, record.file)
        except ConfigurationError as error:
            return FlowCard(record.id, record.version, links=links, stored=stored, fault=str(error))
        spec = flow.spec
        return FlowCard(
            id=record.id,
            version=record.version,
            name=spec.name,
            description=spec.description.strip(),
            type=spec.type,
            visibility=spec.visibility,
            tags=list(spec.tags),
            trigger=flow.event_type,
            actions=[f"{action.app}.{action.action}" for action in spec.actions],
            apps=list(flow.apps),
            links=links,
            stored=stored,
        )


def _asked(text: str, file: str) -> Desired:
    return Desired(flows=((Path(file), text),))


def _in(card: FlowCard, kind: Kind) -> bool:
    return kind is Kind.ALL or (card.visibility == "public") is (kind is Kind.PUBLIC)


def _searched(card: FlowCard) -> str:
    words: Iterable[str] = (card.id, card.name, card.description, *card.tags)
    return "\n".join(words).lower()
