"""The rows that a batch touches, in memory: what is known of them, then what the batch says, then what follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.operations.views import rows
from pipeline.operations.views.records import Said
from pipeline.operations.views.rows import RunRow, StepRow
from pipeline.schemas.envelope import derive_id
from pipeline.schemas.records import Command, Decision, LedgerRow, LinkDecision, Result, Step, Verdict

_NO_RUN = frozenset({Verdict.DUPLICATE, Verdict.NO_LINK})


def command_of(key: str) -> str:
    """The command of a ledger row's key (``connection/command``)."""
    return rows.key(key.rpartition("/")[2])


class Slice:
    """Built from the rows that `touched` names, as they are stored; `changed` gives those that a batch changed."""

    def __init__(self, runs: Iterable[RunRow], steps: Iterable[StepRow]) -> None:
        self._stored_runs = {run.id: run for run in runs}
        self._stored_steps = {step.id: step for step in steps}
        self._runs = dict(self._stored_runs)
        self._steps = dict(self._stored_steps)

    def take(self, batch: Iterable[Said]) -> None:
        """In the order of each partition."""
        for said in batch:
            match said.record:
                case Decision() as decision:
                    for run, link in judged(decision):
                        self._runs[run] = rows.with_decision(self._run(run), decision, link)
                case Command() as command:
                    self._command(command, said.round)
                case Result() as result:
                    run = rows.key(result.run)
                    self._runs[run] = rows.with_run_of_result(self._run(run), result)
                    step = self._step(result.command, run)
                    self._steps[step.id] = rows.with_result(step, result)
                case Step() as handed:
                    run = rows.key(handed.run.id)
                    known = rows.with_run(self._run(run), handed.run)
                    self._runs[run] = rows.handed_on(known, handed.index, said.partition, said.offset)
                case LedgerRow() as open_:
                    step = self._command(open_.command, open_.redrive)
                    self._steps[step.id] = rows.opened(step, open_)
                case _:
                    ended = self._steps.get(command_of(said.key))
                    if ended is not None:
                        self._steps[ended.id] = rows.closed(ended)

    def changed(self, advanced: Mapping[int, int]) -> tuple[list[RunRow], list[StepRow]]:
        """All rows of the slice are derived anew."""
        by_run: dict[str, list[StepRow]] = {}
        for id_, step in self._steps.items():
            derived = self._steps[id_] = rows.derive_step(step)
            by_run.setdefault(step.run, []).append(derived)
        for id_, run in self._runs.items():
            self._runs[id_] = rows.derive_run(run, by_run.get(id_, ()), advanced)
        return (
            [run for run in self._runs.values() if run != self._stored_runs.get(run.id)],
            [step for step in self._steps.values() if step != self._stored_steps.get(step.id)],
        )

    def _command(self, command: Command, round_: int) -> StepRow:
        run = rows.key(command.run.id)
        self._runs[run] = rows.with_run(self._run(run), command.run)
        step = rows.with_command(self._step(command.id, run), command, round_)
        self._steps[step.id] = step
        return step

    def _run(self, id_: str) -> RunRow:
        return self._runs.get(id_) or RunRow(id=id_)

    def _step(self, id_: str, run: str) -> StepRow:
        id_ = rows.key(id_)
        return self._steps.get(id_) or StepRow(id=id_, run=run)


def judged(decision: Decision) -> Iterator[tuple[str, LinkDecision]]:
    """The runs that a decision is about, by id; none for what is no run.

    A fetch is a run of its own, without a link. A link's verdict that began no run names the one it would have begun.
    """
    if decision.verdict in _NO_RUN:
        return
    if decision.verdict is Verdict.FETCHING:
        said = LinkDecision(link="", flow="", flow_version="", verdict=decision.verdict, message=decision.message)
        yield derive_id(decision.event_id, "", decision.replay), said
    for link in decision.links:
        yield rows.key(link.run) or derive_id(decision.event_id, link.link, decision.replay), link


def touched(batch: Sequence[Said]) -> tuple[set[str], set[str]]:
    """The ids of the runs that a batch is about, and of the commands whose run it does not name."""
    runs: set[str] = set()
    commands: set[str] = set()
    for said in batch:
        match said.record:
            case Decision() as decision:
                runs.update(run for run, _ in judged(decision))
            case Command() as command:
                runs.add(rows.key(command.run.id))
            case Result() as result:
                runs.add(rows.key(result.run))
            case Step() as step:
                runs.add(rows.key(step.run.id))
            case LedgerRow() as open_:
                runs.add(rows.key(open_.command.run.id))
            case _:
                commands.add(command_of(said.key))
    return runs, commands
