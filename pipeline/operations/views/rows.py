"""Rows of the log and what each record adds to them: pure, and the same whatever the order between topics.

Records of one topic and partition come in their order; those of different topics may come in any. So a row keeps what
each topic said last, and its status is derived from all of that: a rebuild gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from pipeline.operations.views.answers import RunStatus
from pipeline.schemas import records
from pipeline.schemas.records import Command, Decision, LedgerRow, LedgerState, LinkDecision, Result, Status, Verdict

KEY_CHARACTERS = 300
"""What is kept of an id or a name: an index takes no more than some 2,700 bytes of a row."""
TEXT_CHARACTERS = 4_000
NONE = -1

_ENDED = {
    Status.SUCCEEDED: RunStatus.SUCCESS,
    Status.UNCHANGED: RunStatus.SUCCESS,
    Status.SUPERSEDED: RunStatus.SUCCESS,
    Status.SKIPPED: RunStatus.SKIPPED,
    Status.REFUSED: RunStatus.FAILED,
}
_OPEN = {
    LedgerState.WAITING: RunStatus.WAITING,
    LedgerState.PARKED: RunStatus.WAITING,
    LedgerState.DOUBT: RunStatus.WAITING,
    LedgerState.ASIDE: RunStatus.FAILED,
}


class StepRow(msgspec.Struct, frozen=True):
    """One command. `round` is that of the command, `open_round` of its ledger row, `result_round` of its result.

    A round counts how often the command was sent again; -1 where nothing was read. `status` and `detail` are derived.
    """

    id: str
    run: str
    step: str = ""
    index: int = NONE
    app: str = ""
    action: str = ""
    connection: str = ""
    lane: str = ""
    last: bool | None = None
    input: str = ""
    round: int = NONE
    created: datetime | None = None
    # what the ledger says
    state: str = ""
    open_round: int = NONE
    open_attempts: int = 0
    open_calls: int = 0
    due: datetime | None = None
    waits_for: str = ""
    reason: str = ""
    # what the result says
    outcome: str = ""
    result_round: int = NONE
    operation: str = ""
    object: str = ""
    output: str = ""
    cause_kind: str = ""
    cause_code: str = ""
    cause_message: str = ""
    warnings: str = ""
    attempts: int = 0
    calls: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    # derived
    status: str = RunStatus.PENDING
    detail: str = ""


class RunRow(msgspec.Struct, frozen=True):
    """One event through one link. `judged` is the last verdict's time; `handed_*` the last `flow.steps` record.

    `began`: whether the verdict gave a command. `status`, `started` and `ended` are derived.
    """

    id: str
    link: str = ""
    flow: str = ""
    flow_version: str = ""
    event_id: str = ""
    event_type: str = ""
    subject: str = ""
    party: str = ""
    source: str = ""
    replay: str = ""
    verdict: str = ""
    began: bool = False
    clause: str = ""
    read: str = ""
    message: str = ""
    decided: datetime | None = None
    judged: datetime | None = None
    handed_index: int = NONE
    handed_partition: int = NONE
    handed_offset: int = NONE
    # derived
    status: str = RunStatus.PENDING
    started: datetime | None = None
    ended: datetime | None = None


# --- what records add ---------------------------------------------------------------------------------------------


def with_decision(row: RunRow, decision: Decision, said: LinkDecision) -> RunRow:
    """The last verdict counts: an event that failed may be sent again. When it was decided first stays."""
    first = min((time for time in (row.decided, decision.decided) if time), default=None)
    return replace(
        row,
        link=key(said.link),
        flow=key(said.flow),
        flow_version=key(said.flow_version),
        event_id=key(decision.event_id),
        event_type=key(decision.event_type),
        subject=key(decision.subject),
        party=key(decision.party),
        source=key(decision.connection),
        replay=key(decision.replay),
        verdict=str(said.verdict),
        began=bool(said.command) or said.verdict is Verdict.FETCHING,
        clause=text(said.clause),
        read=json(said.read),
        message=text(said.message),
        decided=first,
        judged=decision.decided,
    )


def with_run(row: RunRow, run: records.Run) -> RunRow:
    """What a command or a step says of its run; nothing where a decision has said it."""
    if row.verdict or (row.event_id and row.flow_version):
        return row
    return replace(
        row,
        link=key(run.link),
        flow=key(run.flow),
        flow_version=key(run.flow_version),
        event_id=key(run.event_id),
        event_type=key(run.event_type),
        subject=key(run.subject),
        party=key(run.party),
        source=key(run.source_connection),
        replay=key(run.replay),
    )


def with_run_of_result(row: RunRow, result: Result) -> RunRow:
    """As `with_run`, from what little a result says."""
    if row.verdict or row.event_id:
        return row
    return replace(
        row,
        link=key(result.link),
        flow=key(result.flow),
        event_id=key(result.event_id),
        event_type=key(result.event_type),
        subject=key(result.subject),
        party=key(result.party),
        replay=key(result.replay),
    )


def handed_on(row: RunRow, index: int, partition: int, offset: int) -> RunRow:
    """The step at `index` ended well, and the agents were told by the record at `offset`. The last one counts."""
    if (index, offset) <= (row.handed_index, row.handed_offset):
        return row
    return replace(row, handed_index=index, handed_partition=partition, handed_offset=offset)


def with_command(row: StepRow, command: Command, round: int) -> StepRow:
    """Of several of one id, the one that was sent again most often, then the youngest."""
    if row.created and command.created and (round, command.created) < (row.round, row.created):
        return row
    if round < row.round:
        return row
    return replace(
        row,
        step=key(command.step),
        index=command.index,
        app=key(command.app),
        action=key(command.action),
        connection=key(command.connection),
        lane=str(command.lane),
        last=command.last,
        input=json(command.input),
        round=round,
        created=command.created,
    )


def opened(row: StepRow, said: LedgerRow) -> StepRow:
    """How the command stands."""
    return replace(
        row,
        state=str(said.state),
        open_round=said.redrive,
        open_attempts=said.attempts,
        open_calls=said.calls,
        due=said.due,
        waits_for=text(said.waits_for),
        reason=text(said.reason),
    )


def closed(row: StepRow) -> StepRow:
    """Its ledger row is gone."""
    return replace(row, state="", open_round=NONE, open_attempts=0, open_calls=0, due=None, waits_for="", reason="")


def with_result(row: StepRow, result: Result) -> StepRow:
    """The result of the last round counts."""
    if result.redrive < row.result_round:
        return row
    cause, made = result.cause, result.object
    row = replace(
        row,
        outcome=str(result.status),
        result_round=result.redrive,
        operation=text(result.operation),
        object=text(f"{made.app} {made.type} {made.id}") if made else "",
        output=json(result.output),
        cause_kind=text(cause.kind) if cause else "",
        cause_code=text(cause.code) if cause else "",
        cause_message=text(cause.message) if cause else "",
        warnings=json(result.warnings),
        attempts=result.attempts,
        calls=result.calls,
        started=result.started,
        ended=result.ended,
    )
    if row.round != NONE:
        return row
    return replace(
        row,
        step=key(result.step),
        app=key(result.app),
        action=key(result.action),
        connection=key(result.connection),
        lane=str(result.lane),
    )


# --- what follows from them ---------------------------------------------------------------------------------------


def derive_step(row: StepRow) -> StepRow:
    """Where it stands, by what was said of its last round; a result ends a round, whatever the ledger said before."""
    newest = max(row.round, row.open_round, row.result_round)
    if row.outcome and row.result_round == newest:
        status, detail = _ENDED[Status(row.outcome)], row.outcome
        if row.state == LedgerState.ASIDE:
            detail = row.state
    elif row.state and row.open_round == newest:
        status, detail = _OPEN.get(LedgerState(row.state), RunStatus.PENDING), row.state
    else:
        status, detail = RunStatus.PENDING, "sent"
    return replace(row, status=str(status), detail=detail)


def derive_run(row: RunRow, steps: Iterable[StepRow], advanced: Mapping[int, int]) -> RunRow:
    """By its last step, where it has one, else by its verdict. `steps` are derived already.

    `advanced` is up to which offset of `flow.steps` the agents have come, by partition: a run whose last step is
    handed on, and passed, without a further command, is over: none of the actions left applied.
    """
    ordered = sorted(steps, key=_place)
    status, ended = _status(row, ordered, advanced)
    times = [step.created or step.started for step in ordered]
    started = min((time for time in times if time), default=None)
    return replace(row, status=str(status), started=row.decided or started, ended=ended if status.ended else None)


def _status(row: RunRow, steps: list[StepRow], advanced: Mapping[int, int]) -> tuple[RunStatus, datetime | None]:
    newest = steps[-1] if steps else None
    if row.verdict == Verdict.FAILED and not _went_on(row, steps):
        return RunStatus.FAILED, row.judged
    if newest is None:
        if row.verdict and not row.began:
            return RunStatus.SKIPPED, row.judged
        return RunStatus.PENDING, None
    status = RunStatus(newest.status)
    if status is RunStatus.SUCCESS and newest.last is False:
        passed = newest.index == row.handed_index and row.handed_offset < advanced.get(row.handed_partition, 0)
        return (status, newest.ended) if passed else (RunStatus.PENDING, None)
    return status, newest.ended


def _went_on(row: RunRow, steps: list[StepRow]) -> bool:
    """A run that could not go on, and did after its step was sent again."""
    judged = row.judged
    return judged is not None and any(step.created is not None and step.created > judged for step in steps)


def _place(step: StepRow) -> tuple[int, float, str]:
    """Its order in the run."""
    time = step.ended or step.created
    return step.index, time.timestamp() if time else 0.0, step.id


# --- what a column takes ------------------------------------------------------------------------------------------


def key(value: str) -> str:
    """An id or a name as it is kept, and asked for. PostgreSQL takes no NUL."""
    return value[:KEY_CHARACTERS].replace("\0", "\ufffd")


def text(value: str) -> str:
    return value[:TEXT_CHARACTERS].replace("\0", "\ufffd")


def json(value: Any) -> str:
    """ "" for what is empty. Decimals become strings, as on the topics."""
    return msgspec.json.encode(value).decode() if value else ""
