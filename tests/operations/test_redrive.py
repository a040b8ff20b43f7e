"""Dead letters sent again: each once for a selection, the newest of a command, and what was left is offered again."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.operations.deadletters import Wanted
from pipeline.operations.reader import Scan, scan
from pipeline.operations.redrive import Redrive
from pipeline.schemas.records import REDRIVE, Cause, DeadLetter
from tests.operations.conftest import House

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Wanted()
PATIENCE = 30.0


def letter(house: House, command: str, *, rounds: int = 0, minute: int = 0) -> DeadLetter:
    return DeadLetter(
        topic=house.topics.commands("zohobooks"),
        partition=0,
        offset=minute,
        key=b"books",
        value=command.encode(),
        headers=[(REDRIVE, str(rounds).encode())] if rounds else [],
        cause=Cause(kind="conflict", code="1", message="no"),
        command=command,
        stage="sink",
        seen=NOON + timedelta(minutes=minute),
    )


def redrive(house: House, *, rounds: int = 3, rate: float = 1000) -> Redrive:
    return Redrive(house.access, house.topics, house.codec, rate, rounds)


@pytest.fixture
def letters(house: House) -> House:
    """Of two commands one each, of a third three, the newest of which went round twice."""
    written = [letter(house, "a"), letter(house, "b")]
    written += [letter(house, "c", rounds=number, minute=number) for number in range(3)]
    house.put(house.topics.dead_letters, [(b"books", each) for each in written])
    return house


def sent(house: House, count: int) -> list[bytes]:
    """Once so many are there: a commit is answered before readers see it."""
    topic = house.topics.commands("zohobooks", bulk=True)
    deadline = time.monotonic() + PATIENCE
    while len(found := sorted(row.value() or b"" for row in scan(house.access, Scan(topic)))) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_of_a_commands_letters_only_the_newest_is_sent_and_a_selection_sends_it_once(letters: House) -> None:
    planned = redrive(letters).plan(ALL)
    assert (planned.total, dict(planned.left)) == (3, {"older": 2})
    assert sent(letters, 0) == []

    done = redrive(letters).run(ALL)

    assert (done.total, dict(done.left)) == (3, {"older": 2})
    assert sent(letters, 3) == [b"a", b"b", b"c"]
    assert redrive(letters).run(ALL).total == 0
    assert sent(letters, 3) == [b"a", b"b", b"c"]


def test_what_went_round_too_often_is_offered_again_and_nothing_else_is(letters: House) -> None:
    assert dict(redrive(letters, rounds=2).run(ALL).left) == {"older": 2, "rounds": 1}
    assert dict(redrive(letters, rounds=2).run(ALL).left) == {"rounds": 1}
    assert (redrive(letters).plan(ALL).total, redrive(letters).plan(ALL).left) == (1, {})

    assert redrive(letters).run(ALL).total == 1

    assert sent(letters, 3) == [b"a", b"b", b"c"]
    assert redrive(letters, rounds=9).plan(ALL).total == 0


def test_letters_are_sent_in_portions_that_a_second_may_take(letters: House) -> None:
    portions: list[int] = []
    assert redrive(letters, rate=2).run(ALL, on_sent=portions.append).total == 3
    assert max(later - earlier for earlier, later in zip([0, *portions], portions, strict=False)) <= 2
