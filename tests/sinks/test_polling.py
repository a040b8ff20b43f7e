"""Polls: what they find becomes events together with the cursor, commands come first, and echoes are marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest

from pipeline.apps.base import Found, Pair, Polled, Polling, Quota, Session, Trigger
from pipeline.errors import Retry, Stopped, Wait
from pipeline.flows.wanted import Wanted, wanted
from pipeline.schemas.envelope import Event, event_id
from pipeline.schemas.records import Connection, ConnectionState, FlowVersion, Link
from pipeline.sinks.entry import Entry
from pipeline.sinks.outcome import Interrupted, Outcome
from pipeline.sinks.owner import Owner
from pipeline.sinks.polling import AFTER_A_FAULT, LARGEST_CURSORS
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick
from tests.sinks.test_behind import states
from tests.sinks.test_owner import advance, started
from tests.sinks.toy import BOX, FREE, T0, TOPICS, ToyApp, command, ref, shared, thing

CHANGED = "thing.changed"


class Thing(msgspec.Struct):
    id: str = ""


class Changes:
    name: ClassVar[str] = "changes"
    triggers: ClassVar[frozenset[str]] = frozenset({CHANGED})
    most: ClassVar[int] = 2

    async def step(self, session: Session, look: Polling) -> Polled:
        raise NotImplementedError


class MoreChanges(Changes):
    name: ClassVar[str] = "more"


class PolledApp(ToyApp):
    triggers: Mapping[str, Trigger] = {CHANGED: Trigger(CHANGED, "Changed", "thing", Thing, {})}

    def __init__(self, quota: Quota) -> None:
        super().__init__(quota)
        self.polls = {"changes": Changes()}

    def party(self, trigger: str, data: Any) -> str:
        return str(data["id"])


def polled(quota: Quota = FREE, *, asked: bool = True) -> Owner:
    app = PolledApp(quota)
    state = OwnerState(Connection(id="c", app="toy"), app, BOX, lambda: T0)
    state.checked({})
    if asked:
        state.wanted = Wanted({CHANGED: ({},)}, frozenset({"c+src"}))
    return Owner(0, app, state, shared())


def end(
    each: Owner,
    tick: Tick,
    value: Polled | None,
    error: Exception | None = None,
    *,
    at: float = 0.0,
    connection: Connection | None = None,
) -> Tick:
    """The step ends; `connection` is what it was made with."""
    (start,) = [start for start in tick.starts if start.poll is not None]
    after = Tick(T0 + at)
    each.settle(Outcome(start, value, error, 1, connection=connection), after)
    each.advance(after)
    return after


def polls(tick: Tick) -> list[Polling]:
    return [start.poll[1] for start in tick.starts if start.poll is not None]


def events(tick: Tick) -> list[Event]:
    topic = TOPICS.events("toy")
    return [msgspec.json.decode(out.value or b"", type=Event) for out in tick.outs if out.topic == topic]


def found(id_: str, version: str = "1") -> Found:
    return Found(CHANGED, id_, {"id": id_}, version)


def test_what_a_step_found_is_in_one_transaction_with_the_cursor() -> None:
    each = polled()
    tick = end(each, advance(each), Polled([found("7")], {"since": "x"}, after=60))
    (event,) = events(tick)
    assert (event.type, event.subject, event.connection, event.party) == ("toy.thing.changed", "7", "c", "7")
    assert states(tick)["c"].cursors == {"changes": {"since": "x"}}


def test_the_next_step_goes_on_from_the_cursor_when_its_time_has_come() -> None:
    each = polled()
    end(each, advance(each), Polled([], {"since": "x"}, after=60))
    assert polls(advance(each, 59)) == []
    (look,) = polls(advance(each, 61))
    assert look.cursor == {"since": "x"}


def test_a_successor_goes_on_from_the_cursor() -> None:
    each = polled()
    state = states(end(each, advance(each), Polled([], {"since": "x"}, after=60)))["c"]
    successor = polled()
    successor.state.restore(state)
    (look,) = polls(advance(successor))
    assert look.cursor == {"since": "x"}


def test_the_same_version_is_the_same_event_however_often_it_is_found() -> None:
    each = polled()
    first = end(each, advance(each), Polled([found("7")], {}, after=0))
    again = end(each, first, Polled([found("7")], {}, after=0))
    assert [event.id for event in events(first)] == [event.id for event in events(again)]


def test_nothing_is_asked_for_what_no_link_wants() -> None:
    assert polls(advance(polled(asked=False))) == []


def test_commands_come_first_and_polls_leave_calls_to_them() -> None:
    each = polled(Quota(windows=((10, 60.0),), day=None, in_flight=5, live_reserve=0.5))
    for number in range(4):
        each.add(Entry(command(str(number), party=str(number)), "t", number, T0))
    tick = advance(each)
    assert len(started(tick)) == 4
    assert polls(tick) == []


def test_a_failed_step_is_tried_again_later_from_where_it_was() -> None:
    each = polled()
    end(each, advance(each), None, Retry("HTTP 503"))
    assert polls(advance(each, AFTER_A_FAULT - 1)) == []
    assert len(polls(advance(each, AFTER_A_FAULT + 1))) == 1


def test_a_step_that_wants_more_calls_than_it_may_make_does_not_spend_the_quota_on_trying() -> None:
    each = polled()
    tick = end(each, advance(each), None, Interrupted("the calls reserved for this attempt are used up"))
    assert polls(tick) == polls(advance(each, AFTER_A_FAULT - 1)) == []
    assert len(polls(advance(each, AFTER_A_FAULT + 1))) == 1


def test_a_step_that_was_one_call_too_many_leaves_one_less_to_all() -> None:
    each = polled(Quota(windows=(), day=None, in_flight=5))
    end(each, advance(each), None, Wait("too many at once", scope="call"))
    assert each.state.limiter.in_flight_limit == 4


@pytest.mark.parametrize("error", [None, Stopped("the old token is dead")])
def test_what_was_asked_with_credentials_that_were_replaced_since_tells_nothing(error: Stopped | None) -> None:
    each = polled()
    began = advance(each)
    before = each.state.connection
    each.state.configure(Connection(id="c", app="toy", secrets={"token": "new"}))
    each.state.checked({})
    tick = end(each, began, Polled([found("7")], {"since": "x"}, after=60), error, connection=before)
    assert (each.state.stopped, events(tick), each.state.cursors) == ("", [], {})
    assert len(polls(tick)) == 1, "it is asked again at once"


def test_what_is_too_large_for_a_topic_becomes_a_hint_of_its_own_and_the_others_go_on() -> None:
    each = polled()
    large = Found(CHANGED, "7", {"id": "7", "text": "x" * 1_000_000}, "1")
    hint, event = events(end(each, advance(each), Polled([large, found("8")], {"since": "x"}, after=60)))
    assert (hint.subject, hint.party, hint.hint, hint.data) == ("7", "7", True, None)
    assert (event.subject, event.hint) == ("8", False)
    assert hint.id != event_id("c", "toy.thing.changed", "7", "1", None), "what is fetched is no repeat of it"


@pytest.mark.parametrize(
    "bad",
    [
        Polled([found("7"), Found(CHANGED, "8", {})], {"since": "x"}, after=60),
        Polled([found("7")], {"seen": "x" * (LARGEST_CURSORS + 1)}, after=60),
        Polled([found("7")], {"since": object()}, after=60),
    ],
    ids=["an event without what its party is told by", "a cursor that no row takes", "a cursor that is no value"],
)
def test_a_step_whose_events_or_cursor_cannot_be_written_gives_neither_and_stops_nothing(bad: Polled) -> None:
    each = polled()
    tick = end(each, advance(each), bad)
    assert (events(tick), each.state.cursors) == ([], {})
    each.add(Entry(command("1"), "t", 0, T0))
    assert len(started(advance(each, 1))) == 1
    assert len(polls(advance(each, AFTER_A_FAULT + 1))) == 1


def test_a_dead_token_found_by_a_poll_stops_the_connection() -> None:
    each = polled()
    end(each, advance(each), None, Stopped("the token is dead"))
    assert each.state.stopped == "the token is dead"


def test_a_write_of_our_own_is_marked_as_an_echo_and_a_later_change_is_not() -> None:
    each = polled()
    each.shared.mappings.put("c+src", Pair(ref("acc"), thing("7"), version="5", theirs="2"))
    tick = end(each, advance(each), Polled([found("7", "2"), found("7", "3"), found("8", "2")], {}, after=60))
    assert [event.echo for event in events(tick)] == ["c+src", "", ""]


def test_links_say_what_is_wanted_of_their_source_and_only_while_they_are_on() -> None:
    text = """
id: back
name: Back
type: inbound
trigger: {app: toy, event: thing.changed}
actions: [{id: one, app: source, action: make, input: {}}]
"""
    flows = {("back", "1"): FlowVersion(id="back", version="1", text=text)}
    link = Link(id="l", flow="back", flow_version="1", connections={"toy": "c", "source": "src"})
    assert wanted([link], flows) == {"c": Wanted({"thing.changed": ({},)})}
    assert wanted([msgspec.structs.replace(link, enabled=False)], flows) == {}
    assert wanted([link], {}) == {}


def test_only_what_a_link_of_the_other_side_writes_can_come_back_as_an_echo() -> None:
    one_way, back = (
        f"""
id: {id_}
name: {id_}
type: inbound
trigger: {{app: {app}, event: thing.changed}}
actions: [{{id: one, app: {other}, action: make, input: {{}}}}]
"""
        for id_, app, other in (("there", "toy", "source"), ("back", "source", "toy"))
    )
    flows = {
        (id_, "1"): FlowVersion(id=id_, version="1", text=text) for id_, text in (("there", one_way), ("back", back))
    }
    there, again = (
        Link(id=id_, flow=id_, flow_version="1", connections={"toy": "c", "source": "src"}) for id_ in ("there", "back")
    )
    assert wanted([there], flows)["c"].scopes == frozenset()
    assert {id_: want.scopes for id_, want in wanted([there, again], flows).items()} == {
        "c": frozenset({"c+src"}),
        "src": frozenset({"c+src"}),
    }


def test_the_state_row_keeps_cursors_of_polls_that_are_not_wanted_now() -> None:
    each = polled(asked=False)
    each.state.restore(ConnectionState(connection="c", cursors={"changes": {"since": "x"}}))
    assert each.state.record().cursors == {"changes": {"since": "x"}}


def test_a_version_that_we_read_ourselves_is_no_echo() -> None:
    each = polled()
    each.shared.mappings.put("c+src", Pair(thing("7"), ref("acc"), version="2", theirs="5"))
    (event,) = events(end(each, advance(each), Polled([found("7", "2")], {}, after=60)))
    assert event.echo == ""


def test_a_poll_that_always_has_more_to_look_at_does_not_keep_the_others_from_it() -> None:
    each = polled()
    each.app.polls = {"changes": Changes(), "more": MoreChanges()}
    tick, took = advance(each), []
    for number in range(4):
        (start,) = [start for start in tick.starts if start.poll is not None]
        assert start.poll is not None
        took.append(start.poll[0].name)
        tick = end(each, tick, Polled((), {}, 0.0), at=1.0 + number)
    assert took == ["changes", "more", "changes", "more"]
