"""A flow on an event, in thought: planned with the mappings, settings and profiles that are there. Nothing is sent.

Topics are read, none is written; of an app only `plan` is called, which is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.apps.base import App, Mapped, View
from pipeline.apps.incoming import complete
from pipeline.control.snapshot import ControlSnapshot, credentials_hash
from pipeline.errors import ConfigurationError, NotThere, Undecodable
from pipeline.flows.compile import CompiledFlow
from pipeline.flows.links import CompiledLink, link_flow
from pipeline.flows.preview import EmptyView, preview
from pipeline.flows.samples import event_with, sample_event
from pipeline.flows.told import PreviewTold, told
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.messages import headers_of
from pipeline.operations.opened import Opened
from pipeline.operations.reader import Scan, scan
from pipeline.schemas import records
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, Link, ObjectRef, mapping_key
from pipeline.schemas.topics import Topics

SENT_AS = "preview"
"""Id of the link where a flow is not switched on."""


@dataclass(frozen=True, slots=True)
class TableView:
    """`apps.base.View` over the rows of one pair of connections, as the topic has them."""

    settings: Mapping[str, Any]
    profile: Mapping[str, Any]
    scope: str
    rows: Mapping[str, bytes]
    codec: Codec

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        value = self.rows.get(mapping_key(self.scope, ref))
        if value is None:
            return None
        row = self.codec.decode(records.Mapping, value)
        return Mapped(row.other, row.hash, row.version, row.ours)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at.

    `link` or `connections` (one for each app) say against what; with neither, nothing is mapped and nothing is known of
    the connections. `options` go before those of the link. The event: `event`, or `data` of the trigger, or a past one
    by `event_id`; with none of them, the trigger's sample.
    """

    flow: CompiledFlow
    link: str = ""
    connections: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    event: Event | None = None
    data: Any = None
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Previewer:
    """Each preview scans the table of mappings once: made for people, not for hot paths."""

    access: KafkaAccess
    apps: Mapping[str, App]
    topics: Topics
    codec: Codec

    def preview(self, asked: Asked, stored: ControlSnapshot) -> PreviewTold:
        """Raises `ConfigurationError` where connections, options or the event do not suit, `NotThere`."""
        linked = linked_for(asked, stored)
        event = self.event(asked, linked)
        views = self.views(linked, stored) if asked.link or asked.connections else dict.fromkeys(self.apps, EmptyView())
        return told(preview(linked, event, self.apps, views), event)

    def event(self, asked: Asked, linked: CompiledLink) -> Event:
        if asked.event_id:
            return _suited(self.past_event(asked.flow, asked.event_id), linked)
        if asked.event is not None:
            return _suited(_completed(asked.event, self.apps), linked)
        return given_event(asked.flow, linked.source, asked.data)

    def past_event(self, flow: CompiledFlow, id: str) -> Event:
        """The last one of this id on the topic of the flow's app. Raises `NotThere`, `ConfigurationError`."""
        found: Event | None = None
        for message in scan(self.access, Scan(self.topics.events(flow.app.name))):
            try:
                event = self.codec.decode_event(message.value(), headers_of(message), message.key())
                if event.id not in ("", id):
                    continue
                event = complete(event, self.apps)
            except Undecodable:
                continue
            if event.id == id:
                found = event
        if found is None:
            raise NotThere(f"no event {id!r} is on {self.topics.events(flow.app.name)} (any more)")
        return found

    def views(self, linked: CompiledLink, stored: ControlSnapshot) -> dict[str, View]:
        """What planning sees of each app of the link."""
        scopes = {action.action.app: action.scope for action in linked.actions}
        rows = self._rows(set(scopes.values()))
        states = Opened(self.access, self.topics, self.codec).states()
        views: dict[str, View] = {}
        for action in linked.actions:
            connection = stored.connections[action.connection]
            state, app = states.get(connection.id), action.action.app
            known = state is not None and state.credentials == credentials_hash(connection)
            profile = state.profile if state is not None and known else {}
            views[app] = TableView(connection.settings, profile, scopes[app], rows, self.codec)
        return views

    def _rows(self, scopes: set[str]) -> dict[str, bytes]:
        rows: dict[str, bytes] = {}
        for message in scan(self.access, Scan(self.topics.mappings)):
            key = (message.key() or b"").decode(errors="replace")
            if key.partition("/")[0] not in scopes:
                continue
            if (value := message.value()) is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        return rows


def sample_preview(asked: Asked, apps: Mapping[str, App]) -> PreviewTold:
    """As `Previewer.preview`, where nothing is connected: no topic is read."""
    linked = linked_for(asked, ControlSnapshot())
    event = given_event(asked.flow, linked.source, asked.data)
    if asked.event is not None:
        event = _suited(_completed(asked.event, apps), linked)
    return told(preview(linked, event, apps, dict.fromkeys(apps, EmptyView())), event)


def pasted(body: bytes) -> tuple[Event | None, Any]:
    """A CloudEvent, or data of a trigger: what says its `specversion` or `type` is an event. Raises `Undecodable`."""
    try:
        value = msgspec.json.Decoder(float_hook=Decimal).decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Undecodable("not_json", f"an event is JSON: {error}") from None
    if isinstance(value, dict) and ("specversion" in value or ("type" in value and "data" in value)):
        return Codec().decode_event(body), None
    return None, value


def linked_for(asked: Asked, stored: ControlSnapshot) -> CompiledLink:
    """The flow with the connections of a link, with those that are named, or with each app in its own place."""
    flow, options = asked.flow, dict(asked.options)
    if asked.link:
        if asked.link not in stored.links:
            raise NotThere(f"no link {asked.link!r}; there are: {', '.join(sorted(stored.links)) or 'none'}")
        link = stored.links[asked.link]
        chosen = Link(
            id=link.id,
            flow=flow.id,
            flow_version=flow.version,
            connections={**link.connections, **asked.connections},
            options={**link.options, **options},
        )
        return link_flow(flow, chosen, stored.connections)
    bare = not asked.connections
    chosen = Link(
        id=SENT_AS,
        flow=flow.id,
        flow_version=flow.version,
        connections={app: app for app in flow.apps} if bare else dict(asked.connections),
        options=options,
    )
    known = {app: Connection(id=app, app=app) for app in flow.apps} if bare else stored.connections
    return link_flow(flow, chosen, known)


def given_event(flow: CompiledFlow, source: str, data: Any) -> Event:
    """The trigger's sample, or `data` of it, as it would come from the connection `source`."""
    if data is not None and not isinstance(data, dict):
        raise ConfigurationError(f"the data of {flow.event_type} is an object")
    try:
        if data is None:
            event = sample_event(flow.app, flow.trigger, flow.spec.trigger.given)
        else:
            event = event_with(flow.app, flow.trigger, data)
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the data is none of {flow.event_type}: {error}") from None
    event = msgspec.structs.replace(event, connection=source, source=f"{flow.app.name}/{source}")
    return event if event.party else msgspec.structs.replace(event, party=event.subject)


def _completed(event: Event, apps: Mapping[str, App]) -> Event:
    try:
        return complete(event, apps)
    except Undecodable as error:
        raise ConfigurationError(str(error)) from None


def _suited(event: Event, linked: CompiledLink) -> Event:
    """Raises `ConfigurationError` for an event that the link would never decide."""
    if event.type != linked.flow.event_type:
        raise ConfigurationError(
            f"the event is a {event.type}: flow {linked.flow.id!r} starts on {linked.flow.event_type}"
        )
    if event.hint:
        raise ConfigurationError(
            f"event {event.id!r} is a hint: the object is fetched, and comes back as an event of its own. "
            f"`pipeline decisions` shows its id; look at that one"
        )
    if linked.id != SENT_AS and event.connection != linked.source:
        raise ConfigurationError(
            f"the event is of connection {event.connection!r}: link {linked.id!r} reads {linked.source!r}"
        )
    return msgspec.structs.replace(event, connection=linked.source)
