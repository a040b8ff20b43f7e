"""Workers die, leave and come in the middle of the work: each event still ends in exactly one decision."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from pipeline.schemas.records import Decision, Verdict
from tests.agents.house import House, account
from tests.agents.process import worker_process

EVENTS = 500
"""At least."""
PARTIES = 20


class Backlog:
    """Events of `PARTIES` accounts in turn; it may grow."""

    def __init__(self, house: House, events: int = 0) -> None:
        self._house = house
        self.sent = 0
        self.grows(events)

    def grows(self, events: int) -> bool:
        """By so many; always true."""
        numbers = range(self.sent, self.sent + events)
        self._house.send([account(number % PARTIES, id=f"event-{number}") for number in numbers])
        self.sent += events
        return True

    def is_decided(self) -> bool:
        return len(self._house.decisions()) >= self.sent

    def was_decided_once(self) -> None:
        """Each event has one decision and one command, those of a party in its order; there is no dead letter."""
        once = {f"event-{number}": 1 for number in range(self.sent)}
        decisions = self._house.decisions()
        assert Counter(decision.event_id for decision in decisions) == once
        assert {decision.verdict for decision in decisions} == {Verdict.MATCHED}
        assert not self._house.dead_letters()
        assert Counter(command.run.event_id for command in self._house.commands()) == once
        for party, numbers in of_parties(decisions).items():
            assert numbers == sorted(numbers), party


def of_parties(decisions: list[Decision]) -> dict[str, list[int]]:
    """The numbers of each party's events in the order in which they were decided."""
    found: dict[str, list[int]] = {}
    for decision in decisions:
        found.setdefault(decision.party, []).append(int(decision.event_id.removeprefix("event-")))
    return found


@pytest.mark.slow
async def test_kill_9_of_one_of_two_workers_in_the_middle_loses_and_doubles_nothing(house: House) -> None:
    house.slow()
    backlog = Backlog(house)
    with worker_process(house, "dying", "agents.batch.produced=kill@10") as dying, worker_process(house, "lasting"):
        await house.until(lambda: backlog.grows(20) and not dying.alive)
        backlog.grows(max(20, EVENTS - backlog.sent))
        await house.until(backlog.is_decided)

    backlog.was_decided_once()


@pytest.mark.slow
async def test_workers_that_die_at_any_point_of_a_batch_lose_and_double_nothing(house: House) -> None:
    house.slow()
    backlog = Backlog(house, 100)
    for point in ("received", "evaluated", "produced", "committed"):
        with worker_process(house, point, f"agents.batch.{point}=kill@2") as dying:
            await house.until(lambda dying=dying: not dying.alive)  # type: ignore[misc]
    assert not backlog.is_decided()
    with worker_process(house, "last"):
        await house.until(backlog.is_decided)

    backlog.was_decided_once()


async def test_a_batch_that_fails_at_any_point_comes_again(house: House) -> None:
    house.slow()
    backlog = Backlog(house, 200)
    points = ("received=raise@2", "evaluated=raise@3", "produced=raise@4", "committed=raise@5")
    with worker_process(house, "failing", ",".join(f"agents.batch.{point}" for point in points)) as failing:
        await house.until(backlog.is_decided)
        assert failing.terminate() == 0

    assert failing.log.read_text(encoding="utf-8").count("FailPointReached") >= len(points)
    backlog.was_decided_once()


async def test_a_worker_that_is_told_to_stop_in_the_middle_loses_and_doubles_nothing(house: House) -> None:
    house.slow()
    backlog = Backlog(house, 100)
    with worker_process(house, "halted", "agents.batch.produced=stop@10") as halted:
        await house.until(lambda: halted.halted)
        assert halted.terminate() == 0
    before = len(house.decisions())
    with worker_process(house, "next"):
        await house.until(backlog.is_decided)

    assert 10 <= before < 100, "the batch in work was committed, and not all was done"
    backlog.was_decided_once()


@pytest.mark.slow
async def test_workers_that_come_and_go_share_the_work_and_lose_and_double_nothing(house: House) -> None:
    house.slow()
    backlog = Backlog(house, 50)
    with worker_process(house, "lasting"):
        for turn in range(3):
            with worker_process(house, f"coming-{turn}", "agents.batch.produced=stop@3") as coming:
                await house.until(lambda coming=coming: backlog.grows(20) and coming.halted)  # type: ignore[misc]
                assert await asyncio.to_thread(coming.terminate) == 0
        await house.until(backlog.is_decided)

    backlog.was_decided_once()


async def test_a_repeated_id_is_a_duplicate_for_the_worker_that_comes_next_too(house: House) -> None:
    backlog = Backlog(house, 20)
    async with house.worker():
        await house.until(backlog.is_decided)

    Backlog(house, 10)
    house.send([account(1, id="event-3", replay="replay-1")])
    async with house.worker():
        await house.until(lambda: len(house.decisions()) >= 31)

    again = [decision for decision in house.decisions() if decision.verdict is Verdict.DUPLICATE]
    assert sorted(decision.event_id for decision in again) == [f"event-{number}" for number in range(10)]
    assert [decision.event_id for decision in house.decisions() if decision.replay] == ["event-3"]
    assert len(house.commands()) == 20
    assert len(house.commands(bulk=True)) == 1
