"""The object of Togai that an action is about: named by its id, or by the source object that it is mapped to.

An action that changes a mapped object writes its pair anew, with the version that the change gave it: the event that
Togai tells of the change is then known as ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.apps.base import Mapped, Pair, Park, Refuse, Skip, View
from pipeline.apps.togai.actions.common import ref
from pipeline.apps.togai.versions import version_of
from pipeline.apps.twofold import inbound, with_inbound
from pipeline.apps.versions import older
from pipeline.schemas.records import ObjectRef

Missing = Literal["wait", "park", "skip", "refuse"]
"""What to do without the object: wait for a step that may be under way, then skip; wait for a person; skip; refuse."""


@dataclass(frozen=True, slots=True)
class Target:
    """`mapped` is its mapping, where `source` is given and known."""

    noun: str
    id: str
    source: ObjectRef | None = None
    mapped: Mapped | None = None

    @property
    def ref(self) -> ObjectRef:
        return ref(self.noun, self.id)

    @property
    def applied(self) -> str:
        """The hash of what we wrote last; "" where that is not known."""
        return inbound(self.mapped.hash) if self.mapped else ""

    def outdated(self, version: str) -> bool:
        """Whether a newer version of the source was applied."""
        return self.mapped is not None and older(version, self.mapped.version)

    def pair(self, record: Any, *, applied: str | None = None, version: str = "") -> Pair | None:
        """The pair anew. `record` is the object after the change, `applied` the hash of what was written, if any."""
        if self.source is None or self.mapped is None:
            return None
        hash_ = self.mapped.hash if applied is None else with_inbound(applied)
        return Pair(self.source, self.ref, hash_, version or self.mapped.version, theirs=version_of(self.noun, record))


def find(
    view: View, noun: str, id_: str, source: ObjectRef | None, missing: Missing = "refuse"
) -> Target | Park | Skip | Refuse:
    """The object, or what to do without it."""
    mapped = view.mapped(source) if source is not None else None
    if mapped is not None and mapped.other == ref(noun, id_ or mapped.other.id):
        return Target(noun, mapped.other.id, source, mapped)
    if id_:
        return Target(noun, id_, source)
    if source is None:
        return Refuse(f"no {noun}_id: let a step before this one give the {noun}, or name its source", code="target")
    what = f"{source.type} {source.id}"
    if missing in ("wait", "park"):
        return Park(source, f"waits until {what} has a {noun} in Togai", passable=missing == "wait")
    if missing == "skip":
        return Skip(f"{what} has no {noun} in Togai")
    return Refuse(f"{what} has no {noun} in Togai", cause="not_found", code="not_mapped")
