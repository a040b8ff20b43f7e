"""What planning may look at, and what it may come to. Pure: previews and replay plans need nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.apps.base.http import Request
from pipeline.schemas.records import ObjectRef


@dataclass(frozen=True, slots=True)
class Mapped:
    """The far side of a pair, with the hash of the state last applied, and this side's version of it.

    `ours`: it is the version that a write of ours gave the object.
    """

    other: ObjectRef
    hash: str = ""
    version: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two objects that are the same thing, to be written to `id.mappings` when the effect is certain.

    `hash` is of the state applied, `version` the source's version of it, `theirs` the destination's own after the
    write: an event of the destination with that version is an echo of ours. `replaces` is the far side that the source
    had before, where that one is no more and this was made in its place.
    """

    source: ObjectRef
    destination: ObjectRef
    hash: str = ""
    version: str = ""
    theirs: str = ""
    replaces: ObjectRef | None = None


class View(Protocol):
    """What planning may look at; no I/O."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The connection's settings, without secrets."""

    @property
    def profile(self) -> Mapping[str, Any]:
        """What the start-up checks learnt (`Session.check`)."""

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        """The far side of `ref` within the command's pair of connections, looked up from either side."""


@dataclass(frozen=True, slots=True)
class Call:
    """Calls are needed. `operation`: ``create`` | ``update`` | ``write`` | ``read``; `most` calls at the most.

    `request` is the main one, for previews; `source` the object that the effect will be mapped to, `hash` and
    `version` what the mapping will hold; `diff` what an update changes. `state` is the action's own.
    """

    operation: str
    request: Request
    most: int = 1
    source: ObjectRef | None = None
    hash: str = ""
    version: str = ""
    diff: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The destination already holds this: no call. The run goes on with `output`.

    `pair` notes a newer version of the same state, so that what is older than it stays superseded.
    """

    output: Mapping[str, Any]
    object: ObjectRef | None = None
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer version was applied before: no call. The run goes on with `output`."""

    output: Mapping[str, Any]
    object: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Wait until `ref` has a counterpart. `passable`: others of its party go on meanwhile; in the end it is skipped."""

    ref: ObjectRef
    message: str
    passable: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """By option, nothing is to be done; the run ends here."""

    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Final: a person decides. `cause` groups, `code` is stable within it."""

    message: str
    cause: str = "invalid"
    code: str = ""


Plan = Call | Unchanged | Superseded | Park | Skip | Refuse
