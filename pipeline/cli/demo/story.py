"""The demo act by act: a month of billing, a worker killed in the middle, a look-up both ways, and a full replay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from pipeline.cli.demo.progress import Progress
from pipeline.cli.demo.screen import Screen
from pipeline.cli.demo.stage import BOOKS, TOGAI, Stage
from pipeline.errors import PipelineError
from pipeline.operations.lookup import Pair
from pipeline.operations.replay import Selection
from pipeline.sandbox.scenario import Expected
from pipeline.schemas.records import Status

ACT_SECONDS = 75.0
KILL_AFTER_RESULTS = 15


@dataclass(frozen=True, slots=True)
class Report:
    """What the twins and the topics say at the end. `wrong` names each count that is not as it must be."""

    accounts: int
    invoices: int
    contacts_in_zoho: int
    invoices_in_zoho: int
    duplicates: int
    results: int
    commands: int
    replay_writes: int
    seconds: float
    wrong: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return not self.wrong


def tell(stage: Stage, screen: Screen) -> Report:
    """Play all acts. Raises `PipelineError` when one does not end in time."""
    began = time.monotonic()
    progress = Progress(stage.here)
    try:
        with screen.following(progress):
            screen.act("Togai bills a month: accounts and invoices are created, its webhooks call the gateway")
            expected = stage.togai.demo()
            _ongoing(stage, expected)
            _until(progress, screen, lambda: len(progress.results) >= KILL_AFTER_RESULTS)
            screen.act(f"kill -9 of the sink worker (pid {stage.kill_sink()}) in the middle; it is started again")
            _until(progress, screen, lambda: progress.settled and _arrived(progress, expected))
        mappings = list(stage.here.lookup().mappings())
        screen.results(progress)
        screen.mappings(mappings)
        both_ways = _both_ways(stage, expected, screen)
        before = _writing_calls(stage)
        screen.act("replay of everything, as bulk commands")
        replayed = len(progress.decisions)
        with screen.following(progress):
            replay = stage.here.replay()
            events = replay.run(replay.plan(Selection(since=datetime.now(UTC) - timedelta(days=1))))
            _until(progress, screen, lambda: len(progress.decisions) >= replayed + events and progress.settled)
        after = _writing_calls(stage)
        return _report(
            stage,
            progress,
            expected,
            both_ways=both_ways,
            replay_writes=after - before,
            seconds=time.monotonic() - began,
        )
    finally:
        progress.close()


def _ongoing(stage: Stage, expected: Expected) -> None:
    """An ongoing invoice as an event over HTTP, the way a platform team would send it: it must not arrive."""
    ongoing = next(id_ for id_, why in expected.withheld.items() if why == "still ongoing")
    event = {
        "specversion": "1.0",
        "id": f"ongoing-{ongoing}",
        "source": f"togai/{TOGAI}",
        "type": "togai.invoice.generated",
        "subject": ongoing,
        "data": stage.togai_invoice(ongoing),
    }
    answer = httpx.post(f"{stage.gateway}/events", json=event, headers={"content-type": "application/cloudevents+json"})
    if answer.status_code != 202:
        raise PipelineError(f"the gateway refused the ongoing invoice: {answer.text}")


def _until(progress: Progress, screen: Screen, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ACT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise PipelineError(
                f"not settled within {ACT_SECONDS:g} s: {progress.events} events, {len(progress.decisions)} decisions, "
                f"{len(progress.commands)} commands, {len(progress.results)} results; see .state/demo/roles.log"
            )
        progress.poll()
        screen.update()


def _arrived(progress: Progress, expected: Expected) -> bool:
    """Whether every run that must reach its last step has a result there."""
    done = [result for result in progress.results.values() if result.action == "put_setting"]
    return len(done) >= expected.accounts + len(expected.arriving)


def _writing_calls(stage: Stage) -> int:
    return int(stage.books.counts()["writing_calls"]) + int(stage.togai.counts()["writing_calls"])


def _both_ways(stage: Stage, expected: Expected, screen: Screen) -> bool:
    """One account looked up by its Togai id, and what that gives looked up in turn."""
    lookup = stage.here.lookup()
    account = expected.contacts[0]
    there = _contact(lookup.mapping(account))
    back = _contact(lookup.mapping(there.other.id)) if there else None
    setting = stage.togai_setting("ACCOUNT", account, "ZohoBooksCustomerId")
    screen.both_ways(account, there, back, setting)
    return there is not None and back is not None and back.other.id == account and setting == there.other.id


def _contact(pairs: list[Pair]) -> Pair | None:
    return next((pair for pair in pairs if {pair.this.type, pair.other.type} == {"account", "contact"}), None)


def _report(
    stage: Stage, progress: Progress, expected: Expected, *, both_ways: bool, replay_writes: int, seconds: float
) -> Report:
    counts = stage.books.counts()
    invoices = {
        str(invoice["reference_number"] or invoice["invoice_number"]): invoice
        for invoice in stage.books.objects(stage.organization, "invoices")
    }
    totals = sorted(invoice["total"] for invoice in invoices.values())
    failed = [result for result in progress.results.values() if result.status in (Status.REFUSED, Status.SKIPPED)]
    checks = {
        f"{counts['contacts']} contacts in {BOOKS}, {len(expected.contacts)} expected": (
            counts["contacts"] == len(expected.contacts)
        ),
        f"{counts['invoices']} invoices in {BOOKS}, {len(expected.arriving)} expected": (
            counts["invoices"] == len(expected.arriving)
        ),
        "the invoices' totals in Zoho Books are not Togai's": (
            totals == sorted(invoice.total for invoice in expected.arriving)
        ),
        f"{counts['duplicates']} duplicates": counts["duplicates"] == 0,
        f"{len(progress.results)} results for {len(progress.commands)} commands": (
            progress.results.keys() == progress.commands
        ),
        f"{progress.repeated} commands have a second result": progress.repeated == 0,
        f"{replay_writes} writing calls in the replay": replay_writes == 0,
        f"{len(failed)} commands were refused or skipped": not failed,
        f"{counts['over_quota']} calls over quota": counts["over_quota"] == 0,
        "an id was not found from both sides": both_ways,
    }
    return Report(
        accounts=expected.accounts,
        invoices=expected.invoices,
        contacts_in_zoho=counts["contacts"],
        invoices_in_zoho=counts["invoices"],
        duplicates=counts["duplicates"],
        results=len(progress.results),
        commands=len(progress.commands),
        replay_writes=replay_writes,
        seconds=round(seconds, 1),
        wrong=[what for what, good in checks.items() if not good],
    )
