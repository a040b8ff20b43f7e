"""The object that an action is about: named by Zoho's id, or by the source object that it is mapped to.

Steps that change a mapped object write its pair anew, with the version that the change gave it, so that its own webhook
is known as ours. The pair's hash says what was booked and, after a dot, how far it has come since (``….sent``): the
same step of a replay then needs no call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.apps.base import Mapped, Pair, Park, Refuse, Skip, View
from pipeline.apps.twofold import outbound
from pipeline.apps.zohobooks.modules import Module
from pipeline.apps.zohobooks.versions import version_of
from pipeline.schemas.records import ObjectRef

Missing = Literal["wait", "park", "skip", "refuse"]
"""What to do without the object: wait for a step that may be under way, then skip; wait for a person; skip; refuse."""


@dataclass(frozen=True, slots=True)
class Target:
    """`mapped` is its mapping, where `source` is given and known."""

    module: Module
    id: str
    source: ObjectRef | None = None
    mapped: Mapped | None = None

    @property
    def ref(self) -> ObjectRef:
        return self.module.ref(self.id)

    @property
    def mark(self) -> str:
        """How far we have brought it; "" where that is not known."""
        return mark_of(self.mapped.hash) if self.mapped else ""

    @property
    def version(self) -> str:
        """The source's version of it that was applied."""
        return self.mapped.version if self.mapped else ""

    def at(self, version: str) -> Target:
        """With a newer version of the source, if there is one."""
        if self.mapped is None or not version:
            return self
        return replace(self, mapped=replace(self.mapped, version=version))

    def pair(self, mark: str, record: Any = None) -> Pair | None:
        """The pair anew, `mark` being how far the object has come; `record` is the object after it, where known."""
        if self.source is None or self.mapped is None:
            return None
        return Pair(
            self.source, self.ref, marked(self.mapped.hash, mark), self.mapped.version, theirs=version_of(record)
        )


def find(
    view: View, module: Module, id_: str, source: ObjectRef | None, missing: Missing = "refuse"
) -> Target | Park | Skip | Refuse:
    """The object, or what to do without it."""
    mapped = view.mapped(source) if source is not None else None
    if mapped is not None and mapped.other.type == module.noun and id_ in ("", mapped.other.id):
        return Target(module, mapped.other.id, source, mapped)
    if id_:
        return Target(module, id_, source)
    if source is None:
        return Refuse(f"no {module.id}: let a step before this one give the {module.title}, or name its source")
    what = f"{source.type} {source.id}"
    if missing in ("wait", "park"):
        return Park(source, f"waits until {what} has a {module.title} in Zoho Books", passable=missing == "wait")
    if missing == "skip":
        return Skip(f"{what} has no {module.title} in Zoho Books")
    return Refuse(f"{what} has no {module.title} in Zoho Books", cause="not_found", code="not_mapped")


def marked(hash_: str, mark: str) -> str:
    return f"{content(hash_)}.{mark}" if mark else content(hash_)


def content(hash_: str) -> str:
    """The hash of what was booked; "" for a pair that was made in the other direction (`twofold`)."""
    return outbound(hash_).partition(".")[0]


def mark_of(hash_: str) -> str:
    """ "" for an object that was booked and not touched since."""
    return outbound(hash_).partition(".")[2]


def parted(mapped: Mapped | None) -> tuple[Mapped | None, str]:
    """A mapping with the hash of what was booked alone, and how far the object has come."""
    return (None, "") if mapped is None else (replace(mapped, hash=content(mapped.hash)), mark_of(mapped.hash))
