"""What a change to flows and links comes to: planned as `apply` plans it, and written as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.control.apply import ControlWriter
from pipeline.control.files import Desired
from pipeline.control.planned import ApplyPlan
from pipeline.control.snapshot import ControlSnapshot
from pipeline.schemas.records import FlowVersion, Link

Planner = Callable[[Desired, ControlSnapshot, bool], ApplyPlan]
"""As `make_plan`; the last argument: whether links that are not named move to the version that is written."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One row. `what`: ``create`` | ``update`` | ``unchanged`` | ``remove``.

    `version` is that of a flow, or the one that a link runs.
    """

    kind: str
    id: str
    what: str
    version: str = ""


def carry_out(plan: ApplyPlan, writer: ControlWriter) -> list[Changed]:
    """Write what the plan changes: flows before links, in one go."""
    changes = [*plan.flows, *plan.links]
    writer.write(change.record for change in changes if change.what != "unchanged")
    return [Changed(change.kind, change.id, change.what, _version(change.record)) for change in changes]


def _version(record: FlowVersion | Link) -> str:
    return record.flow_version if isinstance(record, Link) else record.version


def not_ended(count: int, whose: str) -> str:
    """As in: 3 runs of link 'a' have not ended."""
    return f"{count} {'run' if count == 1 else 'runs'} of {whose} {'has' if count == 1 else 'have'} not ended"
