"""What links want of each connection: the triggers that they wait for, and the pairs of connections that they map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pipeline.errors import ConfigurationError
from pipeline.flows.model import TriggerSpec
from pipeline.flows.parse import parse_flow
from pipeline.schemas.records import FlowVersion, Link, mapping_scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one connection as a source: `triggers` with what each flow says about it; `scopes` as in `mapping_scope`.

    `scopes` are only those that a link of the other connection writes back to: elsewhere nothing is an echo, and a
    change that has the version of the one before it must not be taken for one.
    """

    triggers: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()


NOTHING = Wanted()


def wanted(links: Iterable[Link], flows: Mapping[tuple[str, str], FlowVersion]) -> dict[str, Wanted]:
    """By connection. Links that are off or broken want nothing: their faults are told where events are decided."""
    found: dict[str, Wanted] = {}
    written: defaultdict[str, set[str]] = defaultdict(set)
    for link in links:
        version = flows.get((link.flow, link.flow_version))
        trigger = _trigger(version.text) if version is not None and link.enabled else None
        source = link.connections.get(trigger.app) if trigger is not None else None
        if trigger is None or source is None:
            continue
        before = found.get(source, NOTHING)
        given = trigger.given
        triggers = {**before.triggers, trigger.event: (*before.triggers.get(trigger.event, ()), given)}
        others = {other: mapping_scope(source, other) for other in link.connections.values() if other != source}
        found[source] = Wanted(triggers, before.scopes | set(others.values()))
        for other, scope in others.items():
            written[other].add(scope)
    return {id_: Wanted(want.triggers, want.scopes & written[id_]) for id_, want in found.items()}


@lru_cache(maxsize=1000)
def _trigger(text: str) -> TriggerSpec | None:
    try:
        return parse_flow(text).spec.trigger
    except ConfigurationError:
        return None
