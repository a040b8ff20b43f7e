"""The rules at one moment: which links an event of one kind from one connection meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import App
from pipeline.errors import ConfigurationError
from pipeline.flows.compile import CompiledFlow, load_flow
from pipeline.flows.links import CompiledLink, link_flow
from pipeline.flows.source import Source
from pipeline.schemas.records import Connection, FlowVersion, Link


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link that cannot work: its events fail with `message` instead of being passed over."""

    id: str
    flow: str
    flow_version: str
    message: str


Rule = CompiledLink | BrokenLink

_MEND = "mend its file and apply it, then redrive its events"


class RuleSet:
    """An immutable snapshot of connections, flow versions and links.

    `decide` pays only for the links of an event's own connection and kind. Flow versions that no link names any more
    are kept as long as their records are given, for the runs that began with them.
    """

    def __init__(
        self,
        apps: Mapping[str, App],
        connections: Iterable[Connection] = (),
        flows: Iterable[FlowVersion] = (),
        links: Iterable[Link] = (),
        previous: RuleSet | None = None,
    ) -> None:
        """`previous` lends what it compiled already, so that a small change costs little."""
        self.apps = apps
        self.connections: Mapping[str, Connection] = {connection.id: connection for connection in connections}
        self.links: Mapping[str, Link] = {link.id: link for link in links}
        self.flows: Mapping[tuple[str, str], FlowVersion] = {(flow.id, flow.version): flow for flow in flows}
        self._compiled: dict[tuple[str, str], CompiledFlow] = {}
        if previous is not None and previous.apps is apps:
            self._compiled = {key: flow for key, flow in previous._compiled.items() if key in self.flows}
        self._linked: dict[tuple[str, str], CompiledLink] = {}
        self._index: dict[tuple[str, str], list[Rule]] = {}
        self.faults: dict[str, str] = {}
        """Why a link does not work, by its id."""
        for link in sorted(self.links.values(), key=lambda link: link.id):
            if link.enabled:
                self._enable(link)

    def meeting(self, connection: str, event_type: str) -> Iterable[Rule]:
        """The links, in the order of their ids, that an event of this type from this connection meets."""
        return self._index.get((connection, event_type), ())

    def resume(self, link: str, flow: str, version: str) -> CompiledLink:
        """The link as a run that began with `version` needs it, be it switched off or moved on since.

        Raises `ConfigurationError` where the link or that version is gone.
        """
        found = self._linked.get((link, version))
        if found is None:
            record = self.links.get(link)
            if record is None or record.flow != flow:
                raise ConfigurationError(
                    f"link {link!r} of flow {flow!r} is gone: apply it again, then replay the event"
                )
            found = link_flow(self.flow(flow, version), record, self.connections)
            self._linked[link, version] = found
        return found

    def flow(self, id_: str, version: str) -> CompiledFlow:
        """Raises `ConfigurationError` where that version is gone or does not compile any more."""
        key = (id_, version)
        if key not in self._compiled:
            record = self.flows.get(key)
            if record is None:
                raise ConfigurationError(
                    f"version {version} of flow {id_!r} is gone: apply it again, then replay the event"
                )
            try:
                self._compiled[key] = load_flow(record.text, self.apps, record.file or f"{id_}.yaml")
            except ConfigurationError as error:
                faults = "; ".join(str(error).splitlines())
                raise ConfigurationError(
                    f"version {version} of flow {id_!r} does not compile: {faults}; {_MEND}"
                ) from error
            except Exception as error:
                # One flow that trips this code up must not stop all the others.
                fault = type(error).__name__
                raise ConfigurationError(
                    f"version {version} of flow {id_!r} cannot be read: {fault}; {_MEND}"
                ) from error
        return self._compiled[key]

    def _enable(self, link: Link) -> None:
        try:
            compiled = self.resume(link.id, link.flow, link.flow_version)
        except ConfigurationError as error:
            self.faults[link.id] = str(error)
            self._break(link, str(error))
        else:
            self._index.setdefault((compiled.source, compiled.flow.event_type), []).append(compiled)

    def _break(self, link: Link, message: str) -> None:
        """Put a broken link where its events are looked for, as far as its flow still says which they are."""
        record = self.flows.get((link.flow, link.flow_version))
        trigger = _trigger(record.text) if record else None
        if trigger is None:
            return
        app, event_type = trigger
        source = link.connections.get(app)
        if source is not None:
            broken = BrokenLink(link.id, link.flow, link.flow_version, message)
            self._index.setdefault((source, event_type), []).append(broken)


def _trigger(text: str) -> tuple[str, str] | None:
    """App and event type of a flow that need not be sound."""
    try:
        value: Any = Source(text).value
        app, event = value["trigger"]["app"], value["trigger"]["event"]
    except (ConfigurationError, KeyError, TypeError):
        return None
    return str(app), f"{app}.{event}"
