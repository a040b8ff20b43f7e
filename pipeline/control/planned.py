"""What applying files would change: the values that a plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from pipeline.apps.base import App
from pipeline.control.files import Written
from pipeline.control.hooks import resealed_hook
from pipeline.control.secrets import SecretBox
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, FlowVersion, Link

Row = TypeVar("Row", Connection, Link)


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A connection to be written. `secrets` are to be exchanged; None where the stored ones stay."""

    written: Written
    app: App
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] | None
    stored: Connection | None

    @property
    def id(self) -> str:
        return str(self.written.form.id)

    @property
    def paused(self) -> bool:
        """What the file says; where it says nothing, as it is."""
        said: bool | None = self.written.form.paused
        return said if said is not None else self.stored is not None and self.stored.paused

    @property
    def name(self) -> str:
        """As `paused`."""
        said: str | None = self.written.form.name
        return said if said is not None else self.stored.name if self.stored is not None else ""

    @property
    def note(self) -> str:
        """What should not pass unseen: a file that overrules an operator."""
        if self.stored is None or self.stored.paused == self.paused:
            return ""
        return "the file says paused: true" if self.paused else "resumed: the file says paused: false"

    @property
    def changed(self) -> bool:
        kept = self.kept()
        return kept is None or self.stored != as_stored(kept)

    def hook(self, box: SecretBox) -> str:
        """The sealed token that its webhook addresses keep; "" where there is none, or its key is lost."""
        return "" if self.stored is None else resealed_hook(self.stored, box)

    def kept(self) -> Connection | None:
        """The stored one with the settings of the file; None where there is none to keep."""
        if self.stored is None or self.secrets is not None:
            return None
        return msgspec.structs.replace(self.stored, settings=dict(self.settings), paused=self.paused, name=self.name)


@dataclass(frozen=True, slots=True)
class Change:
    """One row to be written, or found as it should be. `what`: ``create`` | ``update`` | ``unchanged``."""

    kind: str
    id: str
    what: str
    record: FlowVersion | Link
    needs: tuple[str, ...] = ()
    """Connections that must be stored for it to make sense."""


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """All that files would change, in the order in which it is written: connections, flows, links."""

    connections: tuple[PlannedConnection, ...]
    flows: tuple[Change, ...]
    links: tuple[Change, ...]


def as_stored(record: Row) -> Row:
    """The record as it reads back from the topic: there a number with a point becomes Decimal, a Decimal a string."""
    codec = Codec()
    return codec.decode(type(record), codec.encode(record))
