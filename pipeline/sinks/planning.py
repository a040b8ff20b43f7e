"""From a command to a plan: what the destination has to be asked for, if anything. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.apps.base import App, Call, Mapped, Pair, Plan
from pipeline.errors import Refused
from pipeline.schemas.records import Command, ObjectRef
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.state import OwnerState


class _View:
    """`apps.base.View` for one command."""

    __slots__ = ("_mappings", "_scope", "profile", "settings")

    def __init__(
        self, mappings: MappingTable, scope: str, settings: Mapping[str, Any], profile: Mapping[str, Any]
    ) -> None:
        self._mappings = mappings
        self._scope = scope
        self.settings = settings
        self.profile = profile

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return self._mappings.get(self._scope, ref)


def plan_command(command: Command, app: App, state: OwnerState, mappings: MappingTable) -> Plan:
    """Raises `Refused` for an unknown action, an input that does not fit, and an object that two are mapped to (it must
    not be written for either), and what the action's own plan raises.
    """
    action = app.actions.get(command.action)
    if action is None:
        raise Refused(f"{app.name} has no action {command.action!r}", cause="unknown", code="action")
    try:
        given = msgspec.convert(command.input, action.input, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(f"input of {command.action}: {error}", cause="invalid", code="input") from error
    plan = action.plan(given, _View(mappings, command.scope, state.settings, state.profile or {}))
    if isinstance(plan, Call) and plan.source is not None:
        found = mappings.get(command.scope, plan.source)
        if found is not None and (clash := mappings.clash(command.scope, Pair(plan.source, found.other))):
            raise Refused(clash, cause="conflict", code="mapping_clash")
    return plan
