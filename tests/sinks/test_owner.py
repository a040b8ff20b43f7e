"""The owner as a pure machine: commands and outcomes in, records and starts out."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from pipeline.apps.base import Applied, Pair, Quota
from pipeline.clock import utc
from pipeline.errors import InDoubt, Refused, Retry, Stopped, Wait
from pipeline.schemas.records import Lane, LedgerRow, LedgerState, Mapping, Result, Status, mapping_key
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.outcome import NotStarted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.tick import Start, Tick
from tests.sinks.toy import T0, TOPICS, applied, command, owner, ref, thing


def advance(each: Owner, at: float = 0.0) -> Tick:
    tick = Tick(T0 + at)
    each.advance(tick)
    return tick


def answer(each: Owner, start: Start, value: Applied | None, error: Exception | None = None, at: float = 0.0) -> Tick:
    tick = Tick(T0 + at)
    each.settle(Outcome(start, value, error, 1), tick)
    each.advance(tick)
    return tick


def ok(each: Owner, start: Start, id_: str = "1", at: float = 0.0) -> Tick:
    assert start.entry is not None
    return answer(each, start, applied(ref(start.entry.command.input["source"]["id"]), id_), at=at)


def results(tick: Tick) -> list[Result]:
    return [msgspec.json.decode(out.value or b"", type=Result) for out in tick.outs if out.topic == TOPICS.results]


def rows(tick: Tick) -> dict[str, LedgerState | None]:
    """The ledger as this tick leaves it, by command id."""
    return {
        out.key.decode().partition("/")[2]: msgspec.json.decode(out.value, type=LedgerRow).state if out.value else None
        for out in tick.outs
        if out.topic == TOPICS.ledger
    }


def started(tick: Tick) -> list[str]:
    return [start.entry.command.id for start in tick.starts if start.entry is not None]


def test_no_call_starts_without_its_intent_in_the_same_tick() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = advance(each)
    assert started(tick) == ["a"]
    assert rows(tick) == {"a": LedgerState.INTENT}


def test_an_intent_holds_the_whole_command() -> None:
    each = owner()
    given = command("a")
    each.add(Entry(given, "t", 7, T0))
    row = msgspec.json.decode(
        next(out.value or b"" for out in advance(each).outs if out.topic == TOPICS.ledger), type=LedgerRow
    )
    assert row.command == given
    assert (row.topic, row.offset) == ("t", 7)


def test_one_party_has_one_open_call_and_keeps_its_order() -> None:
    each = owner()
    for number, id_ in enumerate("abc"):
        each.add(Entry(command(id_, value=id_), "t", number, T0))
    each.add(Entry(command("x", party="q"), "t", 3, T0))
    tick = advance(each)
    assert started(tick) == ["a", "x"]
    assert rows(tick)["b"] is LedgerState.QUEUED
    after = ok(each, tick.starts[0])
    assert started(after) == ["b"]
    assert rows(after) == {"a": None, "b": LedgerState.INTENT}


def test_a_command_that_succeeded_ends_in_one_result_with_both_mapping_rows_and_a_tombstone() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = ok(each, advance(each).starts[0])
    (result,) = results(tick)
    assert (result.status, result.operation, result.settled, result.calls) == (Status.SUCCEEDED, "created", "answer", 1)
    assert sorted(out.key for out in tick.outs if out.topic == TOPICS.mappings) == [
        b"c+src/source/account/p",
        b"c+src/toy/thing/1",
    ]
    assert rows(tick) == {"a": None}
    assert started(advance(each)) == []


def test_what_is_unchanged_makes_no_call() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    ok(each, advance(each).starts[0])
    each.add(Entry(command("b"), "t", 1, T0))
    tick = advance(each)
    assert started(tick) == []
    assert [result.status for result in results(tick)] == [Status.UNCHANGED]


def test_a_lost_answer_is_in_doubt_until_the_quiet_period_has_passed() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = answer(each, advance(each).starts[0], None, InDoubt("lost"))
    assert rows(tick) == {"a": LedgerState.DOUBT}
    assert started(advance(each, 9.9)) == []
    again = advance(each, 10.1)
    assert started(again) == ["a"]
    (result,) = results(ok(each, again.starts[0], at=11))
    assert (result.settled, result.attempts) == ("repeat", 1)


def test_a_restored_intent_is_in_doubt_and_its_party_waits_behind_it() -> None:
    each = owner()
    row = LedgerRow(state=LedgerState.INTENT, command=command("a"), topic="t", offset=0)
    each.restore([restored(row, T0)], T0)
    each.add(Entry(command("b", value="w"), "t", 1, T0))
    assert started(advance(each, 1)) == []
    again = advance(each, 10.1)
    assert started(again) == ["a"]
    assert started(ok(each, again.starts[0], at=11)) == ["b"]


def test_a_retry_waits_for_its_back_off_and_holds_its_party_only() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    each.add(Entry(command("b", value="w"), "t", 1, T0))
    tick = answer(each, advance(each).starts[0], None, Retry("503"))
    assert rows(tick)["a"] is LedgerState.WAITING
    each.add(Entry(command("x", party="q"), "t", 2, T0))
    assert started(advance(each, 0.1)) == ["x"]
    assert started(advance(each, 5)) == ["a"]


def test_a_blocked_connection_starts_nothing_before_its_time() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    each.add(Entry(command("x", party="q"), "t", 1, T0))
    first, second = advance(each).starts
    answer(each, first, None, Wait("44", delay=timedelta(seconds=60)))
    ok(each, second)
    each.add(Entry(command("y", party="r"), "t", 2, T0))
    assert started(advance(each, 59)) == []
    assert sorted(started(advance(each, 61))) == ["a", "y"]


def test_one_call_too_many_in_flight_lowers_the_calls_in_flight_until_a_hundred_were_answered() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    answer(each, advance(each).starts[0], None, Wait("1070", delay=timedelta(seconds=1), scope="call"))
    assert each.state.limiter.in_flight_limit == 4
    ok(each, advance(each, 2).starts[0], at=2)
    assert each.state.record().in_flight == 4
    for number in range(100):
        each.add(Entry(command(str(number), party=str(number)), "t", 1 + number, T0))
    tick = advance(each, 3)
    while tick.starts:
        for start in tick.starts:
            assert start.entry is not None
            each.settle(Outcome(start, applied(ref(start.entry.command.party), start.entry.command.id), None, 1), tick)
        tick = advance(each, 3)
    assert each.state.limiter.in_flight_limit == 5
    assert each.state.record().in_flight == 0


def test_a_refusal_ends_in_a_result_and_a_dead_letter_with_the_cause_and_the_next_of_the_party_goes_on() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    each.add(Entry(command("b", value="w"), "t", 1, T0))
    tick = answer(each, advance(each).starts[0], None, Refused("too long", code="15", cause="invalid"))
    (result,) = results(tick)
    assert result.cause is not None
    assert (result.status, result.cause.code) == (Status.REFUSED, "15")
    assert [out.topic for out in tick.outs].count(TOPICS.dead_letters) == 1
    assert started(tick) == ["b"]


def test_a_plan_that_refuses_makes_no_call() -> None:
    each = owner()
    each.add(Entry(command("a", value="bad"), "t", 0, T0))
    tick = advance(each)
    assert started(tick) == []
    assert [result.status for result in results(tick)] == [Status.REFUSED]


def test_an_unknown_action_and_a_wrong_input_are_refused_and_stop_nothing() -> None:
    each = owner()
    each.add(Entry(command("a", action="fly"), "t", 0, T0))
    each.add(Entry(msgspec.structs.replace(command("b", party="q"), input={}), "t", 1, T0))
    each.add(Entry(command("x", party="r"), "t", 2, T0))
    tick = advance(each)
    assert [result.cause.kind for result in results(tick) if result.cause] == ["unknown", "invalid"]
    assert started(tick) == ["x"]


def test_a_stopped_connection_keeps_its_commands_and_goes_on_when_it_is_mended() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = answer(each, advance(each).starts[0], None, Stopped("the refresh token is dead"))
    assert rows(tick) == {"a": LedgerState.QUEUED}
    assert results(tick) == []
    assert started(advance(each, 100)) == []
    mended = msgspec.structs.replace(each.state.connection, secrets={"token": "sealed anew"})
    each.state.configure(mended)
    assert each.state.must_check(T0)
    each.state.checked({})
    assert started(advance(each, 101)) == ["a"]


def test_an_object_that_two_are_mapped_to_is_written_for_neither_of_them() -> None:
    table = MappingTable()
    table.put("c+src", Pair(ref("a"), thing("1"), hash="old"))
    table.load(mapping_key("c+src", ref("b")).encode(), msgspec.json.encode(Mapping(other=thing("1"), hash="old")))
    each = owner(mappings=table)
    each.add(Entry(command("b", party="b", value="new"), "t", 0, T0))
    tick = advance(each)
    assert not tick.starts
    (result,) = results(tick)
    assert result.cause is not None
    assert (result.cause.kind, result.cause.code) == ("conflict", "mapping_clash")
    assert "already mapped to account a" in result.cause.message


def test_a_clash_with_an_existing_pair_is_refused_and_nothing_is_overwritten() -> None:
    each = owner()
    table = each.shared.mappings
    table.put("c+src", Pair(ref("other"), thing("1")))
    each.add(Entry(command("a"), "t", 0, T0))
    (result,) = results(ok(each, advance(each).starts[0], id_="1"))
    assert result.cause is not None
    assert result.cause.code == "mapping_clash"
    found = table.get("c+src", thing("1"))
    assert found is not None
    assert found.other == ref("other")


def test_a_parked_command_waits_for_its_mapping_and_what_makes_it_may_pass() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    tick = advance(each)
    assert rows(tick) == {"need": LedgerState.PARKED}
    each.add(Entry(command("second", action="need"), "t", 1, T0))
    each.add(Entry(command("make"), "t", 2, T0))
    tick = advance(each)
    assert started(tick) == ["make"]
    done = ok(each, tick.starts[0])
    assert [result.command for result in results(done)] == ["make", "need", "second"]


def test_a_mapping_made_elsewhere_releases_a_parked_command() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    advance(each)
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("9")))
    each.release("c+src/source/account/p")
    (result,) = results(advance(each))
    assert result.output == {"id": "9"}


def test_a_parked_command_that_is_restored_goes_on_when_its_mapping_came_meanwhile() -> None:
    each = owner()
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("9")))
    row = LedgerRow(
        state=LedgerState.PARKED, command=command("need", action="need"), topic="t", offset=0,
        waits_for="c+src/source/account/p",
    )  # fmt: skip
    each.restore([restored(row, T0)], T0)
    assert [result.command for result in results(advance(each))] == ["need"]


def test_live_commands_start_before_bulk_ones_and_lift_a_bulk_head_of_their_own_party() -> None:
    each = owner(Quota(windows=((1, 60.0),), day=None, in_flight=5))
    each.add(Entry(command("bulk-1", party="a", lane=Lane.REPLAY), "t.bulk", 0, T0))
    each.add(Entry(command("bulk-2", party="b", lane=Lane.REPLAY), "t.bulk", 1, T0))
    each.add(Entry(command("live-b", party="b", value="w"), "t", 0, T0))
    each.add(Entry(command("live-c", party="c"), "t", 1, T0))
    order = []
    for minute in range(4):
        tick = advance(each, minute * 62)
        order += started(tick)
        ok(each, tick.starts[0], id_=str(minute), at=minute * 62 + 1)
    assert order == ["bulk-2", "live-c", "live-b", "bulk-1"]


def test_a_command_that_is_open_already_is_not_taken_twice() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    each.add(Entry(command("a"), "t", 1, T0))
    tick = advance(each)
    assert started(tick) == ["a"]
    assert started(ok(each, tick.starts[0])) == []


def test_a_call_handed_back_unstarted_starts_again_under_its_intent() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = answer(each, advance(each).starts[0], None, NotStarted())
    assert started(tick) == ["a"]


def test_a_closing_owner_starts_nothing_and_leaves_the_unstarted_queued_in_the_ledger() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    (start,) = advance(each).starts
    each.closing = True
    tick = Tick(T0)
    each.settle(Outcome(start, None, NotStarted(), 0), tick)
    each.advance(tick)
    each.give_back(tick)
    assert started(tick) == []
    assert rows(tick) == {"a": LedgerState.QUEUED}


def test_a_connection_is_checked_before_its_first_call() -> None:
    each = owner(checked=False)
    each.add(Entry(command("a"), "t", 0, T0))
    tick = advance(each)
    assert [start.entry for start in tick.starts] == [None]
    each.settle(Outcome(tick.starts[0], {"currency": "USD"}, None, 3), Tick(T0))
    assert started(advance(each)) == ["a"]


def test_an_action_that_raises_something_unforeseen_is_refused_in_the_end_and_never_blocks_its_party_for_good() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    at, found = 0.0, []
    for _ in range(5):
        tick = advance(each, at)
        if not tick.starts:
            break
        found = results(answer(each, tick.starts[0], None, KeyError("contact"), at=at))
        at += 11
    assert [result.cause.kind for result in found if result.cause] == ["defect"]


def test_one_command_of_a_party_at_a_time_passes_its_parked_head() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    advance(each)
    each.add(Entry(command("make-1"), "t", 1, T0))
    each.add(Entry(command("make-2", value="w"), "t", 2, T0))
    tick = advance(each)
    assert started(tick) == ["make-1"]
    refused = answer(each, tick.starts[0], None, Refused("no"))
    assert started(refused) == ["make-2"]


def test_a_head_whose_mapping_was_made_elsewhere_waits_for_the_call_that_passed_it() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    advance(each)
    each.add(Entry(command("make"), "t", 1, T0))
    tick = advance(each)
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("1"), hash="v"))
    each.release("c+src/source/account/p")
    assert results(advance(each)) == []
    done = ok(each, tick.starts[0])
    assert [result.command for result in results(done)] == ["make", "need"]


def test_a_restored_call_that_passed_a_parked_head_goes_on() -> None:
    each = owner()
    parked = LedgerRow(
        state=LedgerState.PARKED, command=command("need", action="need"), topic="t", offset=0,
        since=utc(T0), waits_for="c+src/source/account/p",
    )  # fmt: skip
    passing = LedgerRow(state=LedgerState.INTENT, command=command("make"), topic="t", offset=1, since=utc(T0 + 1))
    each.restore([restored(parked, T0), restored(passing, T0)], T0)
    each.add(Entry(command("make-2", value="w"), "t", 2, T0 + 2))
    assert started(advance(each, 1)) == []
    again = advance(each, 10.1)
    assert started(again) == ["make"]
    done = ok(each, again.starts[0], at=11)
    assert [result.command for result in results(done)] == ["make", "need"]
    assert started(done) == ["make-2"]


def test_an_input_whose_source_is_no_object_is_refused_also_behind_a_parked_head() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    advance(each)
    each.add(Entry(msgspec.structs.replace(command("odd"), input={"source": {"id": 7}}), "t", 1, T0))
    assert started(advance(each)) == []


def test_the_order_of_a_party_outlives_owners_whose_clocks_disagree() -> None:
    first = owner()
    first.add(Entry(command("a"), "t", 0, T0 + 60))
    first.add(Entry(command("b", value="w"), "t", 1, T0 + 60))
    left = ledger(advance(first, 60))
    second = owner()
    second.restore([restored(row, T0) for row in left], T0)
    second.add(Entry(command("c", value="x"), "t", 2, T0))
    third = owner()
    third.restore([restored(row, T0) for row in [*ledger(advance(second)), *left]], T0)
    order, tick = [], advance(third, 11)
    while tick.starts:
        order += started(tick)
        tick = ok(third, tick.starts[0], at=11)
    assert order == ["a", "b", "c"]


def ledger(tick: Tick) -> list[LedgerRow]:
    """The rows that a tick leaves, the last one of each key."""
    rows = {
        out.key: msgspec.json.decode(out.value, type=LedgerRow)
        for out in tick.outs
        if out.topic == TOPICS.ledger and out.value
    }
    return list(rows.values())


def test_a_stopped_connection_is_looked_at_again_after_a_while_and_goes_on_when_it_is_mended() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    answer(each, advance(each).starts[0], None, Stopped("the custom field is missing"))
    assert advance(each, 800).starts == []
    (check,) = advance(each, 1000).starts
    assert check.entry is None
    each.settle(Outcome(check, {}, None, 3), Tick(T0 + 1001))
    assert started(advance(each, 1002)) == ["a"]


def test_a_daily_check_holds_nothing_up() -> None:
    each = owner()
    each.add(Entry(command("a"), "t", 0, T0))
    tick = advance(each, 25 * 3600)
    assert [start.entry is None for start in tick.starts] == [True, False]


def test_mappings_read_in_a_take_over_release_what_waits_in_other_partitions() -> None:
    each = owner()
    each.add(Entry(command("need", action="need"), "t", 0, T0))
    advance(each)
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("9")))
    each.release_mapped()
    assert [result.command for result in results(advance(each))] == ["need"]
