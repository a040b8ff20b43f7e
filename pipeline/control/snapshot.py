"""What is switched on, as one immutable value: connections, flow versions and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from pipeline.errors import NotThere, Undecodable
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import Connection, FlowVersion, Link, Shadow

CONNECTION = "connection"
FLOW = "flow"
LINK = "link"
SHADOW = "shadow"

Controlled = Connection | FlowVersion | Link | Shadow

_KINDS: Mapping[str, type[Connection] | type[FlowVersion] | type[Link] | type[Shadow]] = {
    CONNECTION: Connection,
    FLOW: FlowVersion,
    LINK: Link,
    SHADOW: Shadow,
}


def control_key(record: Controlled) -> bytes:
    """``connection/<id>``, ``flow/<id>/<version>``, ``link/<id>``, ``shadow/<flow>``."""
    match record:
        case Connection():
            return f"{CONNECTION}/{record.id}".encode()
        case FlowVersion():
            return f"{FLOW}/{record.id}/{record.version}".encode()
        case Link():
            return f"{LINK}/{record.id}".encode()
        case Shadow():
            return f"{SHADOW}/{record.flow}".encode()


def credentials_hash(connection: Connection) -> str:
    """What the credentials are known by: it changes when, and only when, others were stored; not with the key."""
    return connection.credentials or content_hash([connection.app, connection.secrets])


@dataclass(frozen=True, slots=True)
class ControlSnapshot:
    """Everything under `control` at one moment. `revision` counts the records taken in: equal revision, equal content.

    Rows stand in the order in which they were last written, so the last version of a flow is the one applied last.
    """

    connections: Mapping[str, Connection] = field(default_factory=dict)
    flows: Mapping[tuple[str, str], FlowVersion] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    shadows: Mapping[str, Shadow] = field(default_factory=dict)
    revision: int = 0

    def connection(self, id: str) -> Connection:
        """Raises `NotThere` that lists the connections there are."""
        try:
            return self.connections[id]
        except KeyError:
            known = ", ".join(sorted(self.connections)) or "none yet (`pipeline apply` adds some)"
            raise NotThere(f"no connection {id!r}; there are: {known}") from None

    def flow(self, id: str) -> FlowVersion | None:
        """The version of a flow that was applied last."""
        return next((flow for flow in reversed(list(self.flows.values())) if flow.id == id), None)

    def flow_of(self, link: Link) -> FlowVersion | None:
        """The version that a link runs."""
        return self.flows.get((link.flow, link.flow_version))


class ControlTable:
    """The rows of the topic as they come in; `snapshot` freezes them."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._rows: dict[bytes, Controlled] = {}
        self.revision = 0

    def take(self, key: bytes, value: bytes | None) -> None:
        """One row in topic order; None removes. A row that cannot be read is logged and left out."""
        self.revision += 1
        self._rows.pop(key, None)
        if value is None:
            return
        try:
            kind = key.decode().partition("/")[0]
            self._rows[key] = self._codec.decode(_KINDS[kind], value)
        except (Undecodable, UnicodeDecodeError, KeyError) as error:
            structlog.get_logger().error("a control record cannot be read and is left out", key=key, error=str(error))

    def snapshot(self) -> ControlSnapshot:
        rows = self._rows.values()
        return ControlSnapshot(
            connections={row.id: row for row in rows if isinstance(row, Connection)},
            flows={(row.id, row.version): row for row in rows if isinstance(row, FlowVersion)},
            links={row.id: row for row in rows if isinstance(row, Link)},
            shadows={row.flow: row for row in rows if isinstance(row, Shadow)},
            revision=self.revision,
        )
