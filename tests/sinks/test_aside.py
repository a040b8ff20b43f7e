"""A party whose command was refused for a reason that a person settles is set aside; all others flow."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.apps.base import Pair
from pipeline.errors import Refused, Retry
from pipeline.schemas.records import Command, Lane, LedgerRow, LedgerState, Result, Status
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.owner import Owner
from pipeline.sinks.tick import Tick
from pipeline.sinks.verbs import RELEASE, SKIP
from tests.sinks.test_owner import advance, answer, ledger, ok, results, rows, started
from tests.sinks.toy import T0, TOPICS, command, owner, ref, thing

EXISTS = Refused("that name exists", code="3062", cause="conflict")


def take(each: Owner, offset: int, given: Command, **more: Any) -> None:
    each.add(Entry(given, "t", offset, T0, **more))


def set_aside() -> tuple[Owner, Tick]:
    """An owner whose party `p` was refused `a` while `b` came after it."""
    each = owner()
    take(each, 0, command("a"))
    take(each, 1, command("b", value="w"))
    return each, answer(each, advance(each).starts[0], None, EXISTS)


def verb(action: str, party: str = "p") -> Command:
    return msgspec.structs.replace(command(f"{action}-{party}", party=party, action=action), input={})


def test_the_refusal_has_its_result_and_letter_at_once_and_the_party_waits() -> None:
    each, tick = set_aside()
    (result,) = results(tick)
    assert (result.status, result.redrive) == (Status.REFUSED, 0)
    assert [out.topic for out in tick.outs].count(TOPICS.dead_letters) == 1
    assert rows(tick)["a"] is LedgerState.ASIDE
    take(each, 2, command("x", party="q"))
    assert started(advance(each, 1)) == ["x"]
    assert started(advance(each, 1e6)) == []


def test_the_row_says_why() -> None:
    _, tick = set_aside()
    row = next(row for row in ledger(tick) if row.state is LedgerState.ASIDE)
    assert row.cause is not None
    assert (row.cause.kind, row.cause.code) == ("conflict", "3062")


def test_released_the_refused_command_is_tried_first_and_has_a_result_of_the_next_round() -> None:
    each, _ = set_aside()
    take(each, 2, verb(RELEASE))
    tick = advance(each, 60)
    assert started(tick) == ["a"]
    assert [(result.operation, result.output) for result in results(tick)] == [("released", {"command": "a"})]
    done = ok(each, tick.starts[0])
    assert [(result.command, result.redrive, result.status) for result in results(done)] == [("a", 1, Status.SUCCEEDED)]
    assert started(done) == ["b"]


def test_refused_again_it_is_set_aside_again() -> None:
    each, _ = set_aside()
    take(each, 2, verb(RELEASE))
    again = answer(each, advance(each).starts[0], None, EXISTS)
    assert [(result.command, result.redrive) for result in results(again)] == [("a", 1)]
    assert rows(again)["a"] is LedgerState.ASIDE
    assert started(advance(each, 1e6)) == []


def test_skipped_the_refused_command_stays_refused_and_the_next_goes_on() -> None:
    each, _ = set_aside()
    take(each, 2, verb(SKIP))
    tick = advance(each)
    assert rows(tick)["a"] is None
    assert started(tick) == ["b"]
    assert [(result.command, result.operation) for result in results(tick)] == [("party.skip-p", "skipped")]


def test_a_verb_for_a_party_that_is_not_set_aside_changes_nothing_and_says_so() -> None:
    each, _ = set_aside()
    take(each, 2, verb(RELEASE, "other"))
    (result,) = results(advance(each))
    assert (result.status, result.warnings) == (Status.SKIPPED, ["party 'other' is not set aside"])


def test_its_dead_letter_sent_again_releases_the_party() -> None:
    each, _ = set_aside()
    take(each, 9, command("a"), redrive=1)
    tick = advance(each)
    assert started(tick) == ["a"]
    done = ok(each, tick.starts[0])
    assert [(result.command, result.redrive) for result in results(done)] == [("a", 1)]
    assert started(done) == ["b"]


def test_a_letter_sent_again_while_nothing_can_start_is_in_the_ledger_before_its_offset_moves_on() -> None:
    each, _ = set_aside()
    each.state.stop("the token is dead")
    take(each, 9, command("a"), redrive=1)
    (row,) = ledger(advance(each))
    assert (row.command.id, row.state, row.redrive) == ("a", LedgerState.QUEUED, 1)


def test_a_successor_keeps_the_party_aside() -> None:
    _, tick = set_aside()
    queued = LedgerRow(state=LedgerState.QUEUED, command=command("b", value="w"), topic="t", offset=1)
    successor = owner()
    aside = next(row for row in ledger(tick) if row.state is LedgerState.ASIDE)
    successor.restore([restored(row, T0) for row in (aside, msgspec.structs.replace(queued, since=aside.since))], T0)
    assert started(advance(successor, 1e6)) == []
    take(successor, 2, verb(RELEASE))
    assert started(advance(successor, 1e6)) == ["a"]


def test_what_a_person_need_not_settle_holds_nobody_up() -> None:
    each = owner()
    take(each, 0, command("a"))
    take(each, 1, command("b", value="w"))
    assert started(answer(each, advance(each).starts[0], None, Refused("too long", cause="invalid"))) == ["b"]


def test_a_parked_command_is_given_up_at_its_deadline_and_says_what_it_waited_for() -> None:
    each = owner()
    take(each, 0, command("need", action="need"))
    advance(each)
    assert results(advance(each, each.shared.parking - 1)) == []
    (result,) = results(advance(each, each.shared.parking + 1))
    assert result.cause is not None
    assert (result.cause.kind, result.cause.code) == ("waited", "deadline")
    assert result.cause.message == "given up after 7 days, 0:00:01: no counterpart yet"


def passable(id_: str = "need", source: str = "p") -> Command:
    return command(id_, action="need", source=source, input={"passable": True})


def test_a_command_that_may_be_passed_keeps_nobody_waiting_and_ends_as_skipped() -> None:
    each = owner()
    take(each, 0, passable())
    take(each, 1, passable("other", source="else"))
    take(each, 2, command("b", source="b"))
    take(each, 3, command("c", source="c"))
    tick = advance(each)
    assert started(tick) == ["b"]
    assert started(ok(each, tick.starts[0])) == ["c"]
    assert results(advance(each, each.shared.patience - 1)) == []
    ended = {result.command: result for result in results(advance(each, each.shared.patience + 1))}
    assert ended.keys() == {"need", "other"}
    assert (ended["need"].status, ended["need"].warnings) == (Status.SKIPPED, ["no counterpart yet"])


def test_what_waits_for_good_behind_it_is_passed_by_what_makes_it_alone() -> None:
    each = owner()
    take(each, 0, passable())
    take(each, 1, command("hard", action="need", source="x"))
    take(each, 2, command("b", source="b"))
    take(each, 3, command("make-x", source="x"))
    tick = advance(each)
    assert started(tick) == ["make-x"]
    ok(each, tick.starts[0])
    each.release("c+src/source/account/x")
    assert started(advance(each)) == ["b"]


def test_a_command_that_may_be_passed_goes_on_when_its_mapping_lands() -> None:
    each = owner()
    take(each, 0, passable())
    take(each, 1, command("b", source="b"))
    take(each, 2, command("make"))
    tick = advance(each)
    assert started(tick) == ["b"]
    tick = ok(each, tick.starts[0])
    assert started(tick) == ["make"]
    ended = results(ok(each, tick.starts[0], id_="2"))
    assert [(result.command, result.status) for result in ended] == [
        ("make", Status.SUCCEEDED),
        ("need", Status.UNCHANGED),
    ]


def test_a_command_that_may_be_passed_waits_on_for_what_is_queued_and_makes_it() -> None:
    each = owner()
    take(each, 0, passable())
    take(each, 1, command("make"))
    (start,) = advance(each).starts
    assert results(advance(each, 2 * each.shared.patience)) == []
    ended = results(ok(each, start, at=2 * each.shared.patience + 1))
    assert [result.command for result in ended] == ["make", "need"]


def test_a_refusal_stops_what_would_pass() -> None:
    each = owner()
    take(each, 0, passable())
    take(each, 1, command("b", source="b"))
    take(each, 2, command("c", source="c"))
    assert started(answer(each, advance(each).starts[0], None, EXISTS)) == []


def test_a_successor_lets_pass_and_skips_as_well() -> None:
    each = owner()
    take(each, 0, passable())
    (row,) = ledger(advance(each))
    successor = owner()
    successor.restore([restored(row, T0)], T0)
    take(successor, 1, command("b", source="b"))
    tick = advance(successor)
    assert started(tick) == ["b"]
    ok(successor, tick.starts[0])
    (result,) = results(advance(successor, successor.shared.patience + 1))
    assert result.status is Status.SKIPPED


def test_a_mapping_that_lands_after_the_deadline_finds_nobody() -> None:
    each = owner()
    take(each, 0, command("need", action="need"))
    advance(each)
    advance(each, each.shared.parking + 1)
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("9")))
    each.release("c+src/source/account/p")
    assert results(advance(each, each.shared.parking + 2)) == []


def test_a_replayed_command_that_a_live_one_waits_for_is_served_before_other_replays() -> None:
    each = owner()
    take(each, 0, command("replay-1", party="a", lane=Lane.REPLAY))
    take(each, 1, command("replay-2", party="b", lane=Lane.REPLAY))
    take(each, 2, command("need-b", party="c", action="need", source="b"))
    assert started(advance(each)) == ["replay-2", "replay-1"]


def test_what_was_tried_a_hundred_times_without_effect_is_for_a_person() -> None:
    each = owner()
    take(each, 0, command("a"))
    at, found = 0.0, list[Result]()
    while not found:
        tick = advance(each, at)
        assert tick.starts, f"nothing is tried any more at {at}"
        each.state.breaker.answered()
        found = results(answer(each, tick.starts[0], None, Retry("the number is taken but not listed"), at=at))
        at += 400
    assert found[0].cause is not None
    assert (found[0].cause.kind, found[0].attempts) == ("exhausted", 100)
    assert "p" in each.order.aside


def test_settings_that_changed_are_checked_at_once_and_commands_go_on_meanwhile() -> None:
    each = owner()
    take(each, 0, command("a"))
    each.state.configure(msgspec.structs.replace(each.state.connection, settings={"unique_field": "required"}))
    tick = advance(each)
    assert [start.entry is None for start in tick.starts] == [True, False]
