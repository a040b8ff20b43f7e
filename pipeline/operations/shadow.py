"""A new version of a flow beside the one that runs: what it would decide and send otherwise, on the events that come.

It has no effect and runs nowhere: what is kept is the text and the place in the events topic where it began. Whoever
asks has both versions decide every event since then, by the agents' own `decide`, and plan their actions. Requests are
those for an object that is not mapped yet: what has been written since by the version that runs must not hide them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.apps.base import Mapped, View
from pipeline.apps.incoming import complete
from pipeline.control.manage.changes import Changed, carry_out
from pipeline.control.snapshot import ControlSnapshot
from pipeline.control.store import ControlStore
from pipeline.errors import Conflict, NotThere, Undecodable
from pipeline.flows.decide import decide
from pipeline.flows.links import CompiledLink
from pipeline.flows.preview import preview
from pipeline.flows.rules import RuleSet
from pipeline.flows.told import ActionTold, EventTold, told
from pipeline.kafka.messages import headers_of
from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import FlowVersion, Link, LinkDecision, ObjectRef, Shadow, Verdict

if TYPE_CHECKING:
    from pipeline.operations.installation import Parts

SAMPLES = 10
MOST = 10_000
"""Events that one look compares."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one version makes of an event: its verdict, the clause that was false, and what each action would do."""

    verdict: str
    clause: str
    message: str
    actions: list[ActionTold]


@dataclass(frozen=True, slots=True)
class Difference:
    """An event of which the two versions make something else. `what` names it: ``verdict`` or an action's id."""

    event: EventTold
    link: str
    what: list[str]
    live: Side
    shadow: Side


@dataclass(frozen=True, slots=True)
class ShadowTold:
    """Since `started`: `compared` is counted by event and link, `differ` by what is different.

    `more`: there are events that this look did not come to. Promote it by `version`.
    """

    flow: str
    live: str
    version: str
    started: datetime | None
    events: int
    compared: int
    same: int
    differ: dict[str, int]
    samples: list[Difference]
    more: bool


@dataclass(frozen=True, slots=True)
class _FreshView:
    """Planning as if the event's own object were not mapped; all others are."""

    view: View
    own: ObjectRef

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.view.settings

    @property
    def profile(self) -> Mapping[str, Any]:
        return self.view.profile

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return None if ref == self.own else self.view.mapped(ref)


def start(parts: Parts, flow: str, text: str, file: str, *, stored: ControlSnapshot, store: ControlStore) -> Shadow:
    """Begin with the events that come from now on. Raises `Faults` as an edit does, `NotThere`, `Conflict`."""
    flows = parts.flows(stored)
    live = flows.record(flow)
    if flow in stored.shadows:
        raise Conflict(f"version {stored.shadows[flow].version} of flow {flow!r} is shadowed already: stop that first")
    if not _links(flow, stored):
        raise Conflict(f"no link of flow {flow!r} is on: there is nothing to compare with")
    flows.replacing(flow, text, live.file or file)
    new, old = parts.check_flow(text, live.file or file), parts.check_flow(live.text, live.file)
    if new.version == old.version:
        raise Conflict(f"this is the version that runs ({old.version}): nothing would differ")
    if new.event_type != old.event_type:
        raise Conflict(f"it starts on {new.event_type}, the one that runs on {old.event_type}: no event meets both")
    topic = parts.topics.events(new.app.name)
    shadow = Shadow(
        flow=flow,
        version=new.version,
        live=live.version,
        text=text,
        file=live.file or file,
        starts={str(partition): offset for partition, offset in ends_of(parts.access, [topic])[topic].items()},
        started=datetime.now(UTC),
    )
    store.write([shadow])
    return shadow


def found(flow: str, stored: ControlSnapshot) -> Shadow:
    """Raises `NotThere`."""
    if flow not in stored.shadows:
        raise NotThere(
            f"no version of flow {flow!r} is shadowed; those that are: {', '.join(stored.shadows) or 'none'}"
        )
    return stored.shadows[flow]


def show(parts: Parts, flow: str, stored: ControlSnapshot, *, most: int = MOST) -> ShadowTold:
    """Compare from the beginning of the shadow up to now. Raises `NotThere`."""
    shadow = found(flow, stored)
    comparison = _Comparison(parts, shadow, stored)
    events = more = 0
    for event in _events(parts, comparison.type, shadow):
        if events == most:
            more = 1
            break
        events += comparison.take(event)
    return ShadowTold(
        flow=flow,
        live=shadow.live,
        version=shadow.version,
        started=shadow.started,
        events=events,
        compared=comparison.compared,
        same=comparison.same,
        differ=dict(sorted(comparison.differ.items())),
        samples=comparison.samples,
        more=bool(more),
    )


def promote(parts: Parts, flow: str, version: str, stored: ControlSnapshot, store: ControlStore) -> list[Changed]:
    """Write the version that was shadowed, move the links to it, end the shadow.

    Raises `NotThere`, `Faults`, and `Conflict` for another version, or where the one that runs was changed meanwhile.
    """
    shadow = found(flow, stored)
    if version != shadow.version:
        raise Conflict(f"version {version} of flow {flow!r} is not the one that is shadowed, which is {shadow.version}")
    flows = parts.flows(stored)
    if flows.record(flow).version != shadow.live:
        message = f"flow {flow!r} has been changed since: it was compared with {shadow.live}; stop it and start anew"
        raise Conflict(message)
    changes = carry_out(flows.replacing(flow, shadow.text, shadow.file), store)
    store.remove([shadow])
    return changes


def stop(flow: str, stored: ControlSnapshot, store: ControlStore) -> Shadow:
    """Forget it; nothing else changes. Raises `NotThere`."""
    shadow = found(flow, stored)
    store.remove([shadow])
    return shadow


class _Comparison:
    """Both versions of each link, as rule sets of their own: no other link is decided."""

    def __init__(self, parts: Parts, shadow: Shadow, stored: ControlSnapshot) -> None:
        links = _links(shadow.flow, stored)
        moved = [msgspec.structs.replace(link, flow_version=shadow.version) for link in links]
        version = FlowVersion(id=shadow.flow, version=shadow.version, text=shadow.text, file=shadow.file)
        connections = stored.connections.values()
        self._apps, self._stored, self._previewer = parts.apps, stored, parts.previewer()
        self._live = RuleSet(parts.apps, connections, stored.flows.values(), links)
        self._shadow = RuleSet(parts.apps, connections, [version], moved)
        self._views: dict[tuple[str, str], Mapping[str, View]] = {}
        flow = parts.check_flow(shadow.text, shadow.file)
        self.type, self._object = flow.event_type, flow.trigger.object
        self.compared = self.same = 0
        self.differ: Counter[str] = Counter()
        self.samples: list[Difference] = []

    def take(self, event: Event) -> bool:
        """Whether any link is for it."""
        now = datetime.now(UTC)
        live = {said.link: said for said in decide(event, self._live, now).decision.links}
        shadow = {said.link: said for said in decide(event, self._shadow, now).decision.links}
        for link, said in live.items():
            self._compare(event, said, shadow[link])
        return bool(live)

    def _compare(self, event: Event, live: LinkDecision, shadow: LinkDecision) -> None:
        self.compared += 1
        one, other = self._side(event, live, self._live), self._side(event, shadow, self._shadow)
        what = ["verdict"] if one.verdict != other.verdict else _different(one.actions, other.actions)
        if not what:
            self.same += 1
            return
        if one.verdict != other.verdict:
            self.differ[f"verdict: {one.verdict}, then {other.verdict}"] += 1
        else:
            self.differ.update(f"action: {name}" for name in what)
        if len(self.samples) < SAMPLES:
            told_ = EventTold(event.id, event.type, event.subject, event.party, event.connection)
            self.samples.append(Difference(told_, live.link, what, one, other))

    def _side(self, event: Event, said: LinkDecision, rules: RuleSet) -> Side:
        actions: list[ActionTold] = []
        if said.verdict is Verdict.MATCHED:
            linked = rules.resume(said.link, said.flow, said.flow_version)
            own = ObjectRef(app=event.app, type=self._object, id=event.subject)
            views = {app: _FreshView(view, own) for app, view in self._seen(linked).items()}
            actions = told(preview(linked, event, self._apps, views), event).actions
        return Side(str(said.verdict), said.clause, said.message, actions)

    def _seen(self, linked: CompiledLink) -> Mapping[str, View]:
        key = linked.id, linked.flow.version
        if key not in self._views:
            self._views[key] = self._previewer.views(linked, self._stored)
        return self._views[key]


def _links(flow: str, stored: ControlSnapshot) -> list[Link]:
    return [link for link in stored.links.values() if link.flow == flow and link.enabled]


def _events(parts: Parts, type_: str, shadow: Shadow) -> Iterator[Event]:
    """Events of the flow's kind since it began, each once: no hints, whose object comes as an event, and no replays."""
    starts = {int(partition): offset for partition, offset in shadow.starts.items()}
    seen: set[tuple[str, str]] = set()
    for message in scan(parts.access, Scan(parts.topics.events(type_.partition(".")[0]), starts=starts)):
        try:
            event = parts.codec.decode_event(message.value(), headers_of(message), message.key())
            if event.type != type_ or event.hint or event.replay:
                continue
            event = complete(event, parts.apps)
        except Undecodable:
            continue
        if (event.source, event.id) not in seen:
            seen.add((event.source, event.id))
            yield event


def _different(live: list[ActionTold], shadow: list[ActionTold]) -> list[str]:
    """The ids of actions that do something else, or are only on one side."""
    one, other = ({action.id: action for action in side} for side in (live, shadow))
    return [id_ for id_ in dict.fromkeys([*one, *other]) if one.get(id_) != other.get(id_)]
