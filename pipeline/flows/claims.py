"""What a link writes, and whether two links would write the same object.

Two links are rivals where, for the same trigger of the same connection, both carry the same writing action out at the
same destination: each event would write one object twice, and the later one would win. They are no rivals where their
conditions are seen to exclude each other (`exclusion`), or where what names the object is seen to differ, as the ids of
two settings do. It is a static rule: it may refuse what would never happen, and then a condition tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.flows.exclusion import Fact, exclude, facts
from pipeline.flows.options import resolve_options
from pipeline.flows.templates import Constant, Entries, Template, fold
from pipeline.schemas.records import Link

if TYPE_CHECKING:
    from pipeline.flows.compile import CompiledAction, CompiledFlow

READ = "read"


@dataclass(frozen=True, slots=True)
class Claim:
    """One writing action of a link. `names` are the inputs that say which object; `facts` when it is written."""

    app: str
    action: str
    connection: str
    names: Mapping[str, Template]
    facts: tuple[Fact, ...]

    def rivals(self, other: Claim) -> bool:
        """Whether both may write one object on one event of their trigger."""
        same = (self.app, self.action, self.connection) == (other.app, other.action, other.connection)
        return same and not _differ(self.names, other.names) and not exclude(self.facts, other.facts)


def rivals(flow: CompiledFlow, link: Link, other: CompiledFlow, other_link: Link) -> list[str]:
    """The actions (``zohobooks create_invoice``) by which both links would write the same object.

    Their options must suit their flows.
    """
    if flow.event_type != other.event_type or _source(flow, link) != _source(other, other_link):
        return []
    others = list(_claims(other, other_link))
    found = [claim for claim in _claims(flow, link) if any(claim.rivals(one) for one in others)]
    return list(dict.fromkeys(f"{claim.app} {claim.action}" for claim in found))


def _source(flow: CompiledFlow, link: Link) -> str:
    return link.connections.get(flow.app.name, "")


def _claims(flow: CompiledFlow, link: Link) -> Iterator[Claim]:
    options = resolve_options(flow.spec.options, link.options)
    known = {f"options.{name}": value for name, value in options.items()}
    always = [fact for clause in flow.clauses.clauses for fact in facts(clause.text, options)]
    for action in flow.actions:
        definition = action.definition
        if definition.repeat == READ or getattr(definition, "shared", False):
            continue
        if action.clauses.constant and not action.clauses.hold({"options": options}):
            continue
        own = [fact for clause in action.clauses.clauses for fact in facts(clause.text, options)]
        names = _names(action, fold(action.template, known))
        yield Claim(action.app, action.name, link.connections.get(action.app, ""), names, (*always, *own))


def _names(action: CompiledAction, template: Template) -> Mapping[str, Template]:
    """By the action's own word, else its source object where it is given one, else all that it is given."""
    given: dict[str, Template] = dict(template.items) if isinstance(template, Entries) else {}
    wanted: tuple[str, ...] = getattr(action.definition, "names", ())
    if not wanted:
        wanted = ("source",) if "source" in given else tuple(given)
    return {name: given[name] for name in wanted if name in given}


def _differ(one: Mapping[str, Template], other: Mapping[str, Template]) -> bool:
    """Whether a value that both write out is not the same."""
    return any(_apart(template, other[name]) for name, template in one.items() if name in other)


def _apart(one: Template, other: Template) -> bool:
    match one, other:
        case Constant(a), Constant(b):
            return _text(a) != _text(b)
        case Entries(a), Entries(b):
            return _differ(dict(a), dict(b))
    return False


def _text(value: Any) -> str:
    return str(value)
