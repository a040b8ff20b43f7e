"""What the activity log is asked, and what it answers: plain values, for the command line and for an API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunStatus(StrEnum):
    """Of a run, and of a step.

    `PENDING` is on its way; `WAITING` for a time, a mapping or certainty; `SKIPPED`: a condition did not hold, or an
    action left the object out; `FAILED` waits for a person.
    """

    PENDING = "pending"
    WAITING = "waiting"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        return self not in (RunStatus.PENDING, RunStatus.WAITING)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs; empty fields are not asked for. `since` bounds when a run started; `event` is an event's id.

    `after` is the `next` of the page before.
    """

    link: str = ""
    flow: str = ""
    party: str = ""
    status: RunStatus | None = None
    event: str = ""
    replay: str = ""
    since: datetime | None = None
    limit: int = 50
    after: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a step failed: `kind` groups, `code` is the destination's own where it gave one."""

    kind: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """One action of a run. `detail` is the word of the pipeline for where it stands (``parked``, ``superseded``, …).

    `due` is when it goes on, `waits_for` the mapping that it is parked on, `reason` why it is not done yet; `round`
    how often it was sent again. Without its command, which topics keep for a shorter time, `index` is -1.
    """

    command: str
    step: str
    index: int
    app: str
    action: str
    connection: str
    lane: str
    status: RunStatus
    detail: str
    operation: str
    object: str
    input: Any
    output: Any
    cause: Cause | None
    warnings: list[str]
    reason: str
    waits_for: str
    attempts: int
    calls: int
    round: int
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    due: datetime | None


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """One event through one link. Without a link it is a fetch of what a hint named.

    `clause` is the condition that did not hold, `read` the values that it read; `message` says more where there is
    more to say. `started` is when the event was decided.
    """

    id: str
    link: str
    flow: str
    flow_version: str
    event_id: str
    event_type: str
    subject: str
    party: str
    source: str
    replay: str
    status: RunStatus
    started: datetime | None
    ended: datetime | None
    clause: str
    read: Any
    message: str


@dataclass(frozen=True, slots=True)
class Lag:
    """Records that were not taken in yet, by topic; transaction markers and compacted records count as well.

    So 0 is exact, and any other number is the most that it can be.
    """

    topics: Mapping[str, int] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """How much there is to look at: all runs, those of them that were skipped, and when the oldest started."""

    runs: int
    skipped: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Runs, the newest first. `next` is for `RunFilter.after`; "" on the last page."""

    runs: list[RunAnswer]
    next: str
    lag: Lag


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with its steps, in order."""

    run: RunAnswer
    steps: list[StepAnswer]
    lag: Lag
