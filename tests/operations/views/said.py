"""What the stages write about a run, as records for the topics."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.schemas.envelope import derive_id
from pipeline.schemas.records import (
    REDRIVE,
    Cause,
    Command,
    Decision,
    LedgerRow,
    LedgerState,
    LinkDecision,
    ObjectRef,
    Result,
    Run,
    Status,
    Step,
    Verdict,
)
from tests.operations.conftest import House
from tests.operations.views.conftest import at

LINK = "accounts"
SOURCE = "togai-main"
BOOKS = "books-main"
STEPS = ("contact", "setting")
"""Of the flow that all runs here are of."""


class Story:
    """One event through one link, told record by record, in any order."""

    def __init__(self, house: House, event: str = "e-1", party: str = "acc-1", *, replay: str = "") -> None:
        self._house, self.event, self.party, self.replay = house, event, party, replay
        self.run = Run(
            id=derive_id(event, LINK, replay), link=LINK, flow="sync-accounts", flow_version="v1", event_id=event,
            event_type="togai.account.created", source_connection=SOURCE, subject=party, party=party, replay=replay,
        )  # fmt: skip

    def decision(self, verdict: Verdict = Verdict.MATCHED, second: float = 1, **said: Any) -> None:
        began = verdict is Verdict.MATCHED
        link = LinkDecision(
            link=LINK, flow="sync-accounts", flow_version="v1", verdict=verdict,
            run=self.run.id if began else "", command=self.command(0).id if began else "",
        )  # fmt: skip
        decision = self.decided(verdict, second)
        self.put_decision(msgspec.structs.replace(decision, links=[msgspec.structs.replace(link, **said)]))

    def decided(self, verdict: Verdict, second: float) -> Decision:
        return Decision(
            event_id=self.event, event_type="togai.account.created", connection=SOURCE, party=self.party,
            subject=self.party, verdict=verdict, replay=self.replay, decided=at(second),
        )  # fmt: skip

    def put_decision(self, decision: Decision) -> None:
        self._house.put(self._house.topics.decisions, [(f"{SOURCE}/{self.party}", decision)])

    def command(self, index: int, second: float = 1) -> Command:
        step = STEPS[index]
        return Command(
            id=derive_id(self.run.id, step), connection=BOOKS, app="zohobooks", action="upsert_contact",
            party=self.party, input={"name": f"Party {self.party}", "amount": "1.10"}, run=self.run, step=step,
            index=index, last=index == len(STEPS) - 1, scope=f"{BOOKS}+{SOURCE}", created=at(second),
        )  # fmt: skip

    def sent(self, index: int = 0, second: float = 1, *, round: int = 0) -> None:
        topics = self._house.topics
        topic = topics.commands("zohobooks", bulk=bool(round))
        headers = {REDRIVE: str(round).encode()} if round else {}
        self._house.put(topic, [(BOOKS, self.command(index, second))], headers)

    def ledger(self, state: LedgerState | None, index: int = 0, **said: Any) -> None:
        """None: the row's tombstone."""
        row = None
        if state is not None:
            row = LedgerRow(state=state, command=self.command(index), topic="t", offset=0, **said)
        self._house.put(self._house.topics.ledger, [(f"{BOOKS}/{self.command(index).id}", row)])

    def ended(self, index: int = 0, status: Status = Status.SUCCEEDED, second: float = 3, **said: Any) -> None:
        command = self.command(index)
        result = Result(
            command=command.id, run=self.run.id, link=LINK, flow="sync-accounts", step=command.step,
            event_id=self.event, event_type="togai.account.created", subject=self.party, connection=BOOKS,
            app="zohobooks", action=command.action, party=self.party, status=status, replay=self.replay,
            attempts=1, calls=1, started=at(second - 1), ended=at(second),
        )  # fmt: skip
        if status is Status.SUCCEEDED:
            made = ObjectRef(app="zohobooks", type="contact", id="4600001")
            result = msgspec.structs.replace(result, operation="created", object=made, output={"id": "4600001"})
        if status is Status.REFUSED:
            result = msgspec.structs.replace(result, cause=Cause(kind="conflict", code="3062", message="name taken"))
        self._house.put(self._house.topics.results, [(self.party, msgspec.structs.replace(result, **said))])

    def handed_on(self, index: int = 0) -> None:
        step = Step(id=self.command(index).id, run=self.run, step=STEPS[index], index=index)
        self._house.put(self._house.topics.steps, [(f"{SOURCE}/{self.party}", step)])

    def whole(self) -> None:
        """From the event to its end, two steps, all that the stages would write."""
        self.decision()
        for index in range(len(STEPS)):
            self.sent(index, 1 + 3 * index)
            self.ledger(LedgerState.INTENT, index)
            self.ended(index, second=3 + 3 * index)
            self.ledger(None, index)
            if index < len(STEPS) - 1:
                self.handed_on(index)
