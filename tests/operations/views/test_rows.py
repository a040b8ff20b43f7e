"""Whatever the order in which records of different topics are read, the rows come out the same."""

from __future__ import annotations

import random

import msgspec
import pytest

from pipeline.operations.views.answers import RunStatus
from pipeline.operations.views.records import Said
from pipeline.operations.views.rows import RunRow, StepRow
from pipeline.operations.views.slice import Slice
from pipeline.schemas.records import (
    Cause,
    Command,
    Decision,
    LedgerRow,
    LedgerState,
    LinkDecision,
    Result,
    Run,
    Status,
    Step,
    Verdict,
)
from tests.operations.views.conftest import at

RUN = Run(
    id="run", link="link", flow="flow", flow_version="1", event_id="event", event_type="togai.account.created",
    source_connection="togai", subject="subject", party="party",
)  # fmt: skip


def command(index: int, second: float) -> Command:
    return Command(
        id=f"command-{index}", connection="books", app="zohobooks", action="upsert_contact", party="party",
        input={"n": index}, run=RUN, step=f"step-{index}", index=index, last=index == 1, scope="s", created=at(second),
    )  # fmt: skip


def result(index: int, status: Status, second: float, redrive: int = 0) -> Result:
    return Result(
        command=f"command-{index}", run="run", link="link", flow="flow", step=f"step-{index}", event_id="event",
        event_type="togai.account.created", subject="subject", connection="books", app="zohobooks",
        action="upsert_contact", party="party", status=status, started=at(second - 1), ended=at(second),
        redrive=redrive, cause=Cause(kind="invalid") if status is Status.REFUSED else None,
    )  # fmt: skip


def row(index: int, state: LedgerState, redrive: int = 0) -> LedgerRow:
    return LedgerRow(state=state, command=command(index, 1 + index), topic="t", offset=index, redrive=redrive)


def decision(verdict: Verdict, second: float) -> Decision:
    said = LinkDecision(link="link", flow="flow", flow_version="1", verdict=verdict, run="run", command="command-0")
    return Decision(
        event_id="event", event_type="togai.account.created", connection="togai", party="party", subject="subject",
        verdict=verdict, links=[said], decided=at(second),
    )  # fmt: skip


def story() -> dict[str, list[Said]]:
    """By topic and partition, in order: a refusal that was sent again, then a second step that was parked."""
    told: dict[str, list[tuple[msgspec.Struct | None, int, str]]] = {
        "decisions": [(decision(Verdict.FAILED, 1), 0, ""), (decision(Verdict.MATCHED, 2), 0, "")],
        "commands": [(command(0, 2), 0, ""), (command(1, 9), 0, "")],
        "bulk": [(command(0, 2), 1, "")],
        "ledger": [
            (row(0, LedgerState.INTENT), 0, ""),
            (row(0, LedgerState.ASIDE), 0, ""),
            (row(0, LedgerState.INTENT, 1), 0, ""),
            (None, 0, "books/command-0"),
            (row(1, LedgerState.PARKED), 0, ""),
            (row(1, LedgerState.INTENT), 0, ""),
            (None, 0, "books/command-1"),
        ],
        "results": [
            (result(0, Status.REFUSED, 4), 0, ""),
            (result(0, Status.SUCCEEDED, 7, 1), 0, ""),
            (result(1, Status.UNCHANGED, 11), 0, ""),
        ],
        "steps": [(Step(id="command-0", run=RUN, step="step-0", index=0), 0, "")],
    }
    return {
        topic: [Said(record, 0, offset, round, key) for offset, (record, round, key) in enumerate(records)]
        for topic, records in told.items()
    }


def shuffled(queues: dict[str, list[Said]], rng: random.Random) -> list[Said]:
    """Each topic in its order, the topics in any."""
    names = [name for name, queue in queues.items() for _ in queue]
    rng.shuffle(names)
    left = {name: iter(queue) for name, queue in queues.items()}
    return [next(left[name]) for name in names]


def fold(told: list[Said], rng: random.Random) -> tuple[dict[str, RunRow], dict[str, StepRow]]:
    """In batches of any size, with the rows kept between them."""
    runs: dict[str, RunRow] = {}
    steps: dict[str, StepRow] = {}
    while told:
        size = rng.randint(1, len(told))
        batch, told = told[:size], told[size:]
        slice_ = Slice(runs.values(), steps.values())
        slice_.take(batch)
        changed_runs, changed_steps = slice_.changed({})
        runs |= {run.id: run for run in changed_runs}
        steps |= {step.id: step for step in changed_steps}
    return runs, steps


@pytest.mark.parametrize("seed", range(200))
def test_the_order_between_topics_and_the_size_of_batches_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    whole = [said for queue in story().values() for said in queue]

    runs, steps = fold(shuffled(story(), rng), rng)

    assert (runs, steps) == fold(whole, random.Random(0))
    assert runs["run"].status == RunStatus.SUCCESS
    assert (runs["run"].started, runs["run"].ended) == (at(1), at(11))
    assert [step.detail for step in sorted(steps.values(), key=lambda step: step.index)] == ["succeeded", "unchanged"]


def test_taking_everything_in_twice_changes_nothing() -> None:
    told = [said for queue in story().values() for said in queue]
    runs, steps = fold(told, random.Random(0))

    again = Slice(runs.values(), steps.values())
    again.take(told)

    assert again.changed({}) == ([], [])
