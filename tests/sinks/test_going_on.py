"""Commands that go on over several attempts: what each found and where the next begins are in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Found, Plan, Request, Session, Trigger, View
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Connection, Emit, Lane, LedgerRow, LedgerState, Status
from pipeline.sinks.ending import LARGEST
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.owner import Owner
from pipeline.sinks.records import Ending
from pipeline.sinks.state import OwnerState
from pipeline.sinks.tick import Tick
from tests.sinks.test_owner import advance, answer, results, rows, started
from tests.sinks.toy import BOX, FREE, T0, TOPICS, ToyApp, command, shared

CHANGED, SHRUNK = "thing.changed", "thing.shrunk"


class Thing(msgspec.Struct):
    id: str = ""


class GoThrough(msgspec.Struct):
    token: str = ""


class All:
    name: ClassVar[str] = "sync_things"
    title: ClassVar[str] = "Go through all"
    repeat: ClassVar[str] = "read"
    calls: ClassVar[str] = "1"
    input = GoThrough

    def plan(self, input: GoThrough, view: View) -> Plan:
        return Call("read", Request("GET", f"/things/{input.token}"), state=input)

    async def apply(self, call: Call, session: Session) -> Applied:
        raise NotImplementedError


class ListedApp(ToyApp):
    triggers: Mapping[str, Trigger] = {
        name: Trigger(name, name, "thing", Thing, {}, fetch="sync_things") for name in (CHANGED, SHRUNK)
    }

    def __init__(self) -> None:
        super().__init__(FREE)
        self.actions = {"sync_things": All()}

    def party(self, trigger: str, data: Any) -> str:
        return str(data["id"])


def listing(**more: Any) -> tuple[Owner, Command]:
    app = ListedApp()
    state = OwnerState(Connection(id="c", app="toy"), app, BOX, lambda: T0)
    state.checked({})
    each = Owner(0, app, state, shared())
    given = msgspec.structs.replace(command("all", action="sync_things"), input={}, **more)
    each.add(Entry(given, "t", 0, T0))
    return each, given


def events(tick: Tick) -> list[Event]:
    topic = TOPICS.events("toy")
    return [msgspec.json.decode(out.value or b"", type=Event) for out in tick.outs if out.topic == topic]


def stored(tick: Tick) -> list[LedgerRow]:
    found = [out.value for out in tick.outs if out.topic == TOPICS.ledger and out.value]
    return [msgspec.json.decode(value, type=LedgerRow) for value in found]


def page(*ids: str, token: str = "") -> Applied:
    found = [Found(CHANGED, id_, {"id": id_}, "1") for id_ in ids]
    if token:
        return Applied("read", {}, found=found, go_on={"token": token})
    return Applied("read", {"given": len(ids)}, found=found)


def test_what_an_attempt_found_and_where_the_next_begins_are_in_one_transaction() -> None:
    each, _ = listing()
    tick = answer(each, advance(each).starts[0], page("1", "2", token="two"))
    assert [event.subject for event in events(tick)] == ["1", "2"]
    assert stored(tick)[0].command.input == {"token": "two"}
    assert results(tick) == []
    assert started(tick) == ["all"]
    assert tick.starts[0].call is not None
    assert tick.starts[0].call.request.path == "/things/two"


def test_a_command_that_goes_on_has_one_result_at_its_end() -> None:
    each, _ = listing()
    tick = answer(each, advance(each).starts[0], page("1", token="two"))
    tick = answer(each, tick.starts[0], page("2"))
    (result,) = results(tick)
    assert (result.status, result.output, result.calls) == (Status.SUCCEEDED, {"given": 1}, 2)
    assert [event.subject for event in events(tick)] == ["2"]
    assert rows(tick) == {"all": None}


def test_a_successor_goes_on_from_the_page_that_was_kept() -> None:
    each, _ = listing()
    tick = answer(each, advance(each).starts[0], page("1", token="two"))
    (row,) = [row for row in stored(tick) if row.state is LedgerState.INTENT]
    successor, _ = listing()
    successor = Owner(0, successor.app, successor.state, shared())
    successor.restore([restored(row, T0)], T0)
    (start,) = advance(successor).starts
    assert start.call is not None
    assert start.call.request.path == "/things/two"


def test_what_is_found_is_decided_once_a_command_whatever_was_decided_before() -> None:
    each, given = listing()
    (event,) = events(answer(each, advance(each).starts[0], page("1")))
    assert (event.replay, event.lane, event.echo, event.hint) == (given.id, Lane.RECONCILE, "", False)
    assert (event.connection, event.party, event.type) == ("c", "1", "toy.thing.changed")
    again, _ = listing()
    (repeated,) = events(answer(again, advance(again).starts[0], page("1")))
    assert repeated == event


def test_an_object_that_no_topic_takes_goes_as_a_hint_and_hinders_no_other() -> None:
    each, _ = listing()
    large = Found(CHANGED, "big", {"id": "big", "text": "x" * LARGEST}, "1")
    done = Applied("read", {"given": 2}, found=[large, Found(CHANGED, "1", {"id": "1"}, "1")])
    tick = answer(each, advance(each).starts[0], done)
    assert [(event.subject, event.hint, event.data) for event in events(tick)] == [
        ("big", True, None),
        ("1", False, {"id": "1"}),
    ]
    assert results(tick)[0].status is Status.SUCCEEDED


def test_what_cannot_be_written_down_is_refused_and_hinders_no_other() -> None:
    each, _ = listing()
    each.add(Entry(msgspec.structs.replace(command("other", party="q", action="sync_things"), input={}), "t", 1, T0))
    starts = advance(each).starts
    broken = Applied("read", {}, found=[Found(CHANGED, "1", {"id": object()}, "1")], go_on={"token": "two"})
    tick = answer(each, starts[0], broken)
    assert results(tick)[0].status is Status.REFUSED
    assert results(answer(each, starts[1], page("2")))[0].status is Status.SUCCEEDED


def test_a_fetched_object_is_an_event_of_all_that_its_state_speaks_of() -> None:
    each, _ = listing(emit=Emit(type=f"toy.{CHANGED}", source_connection="c"))
    done = Applied("read", {}, data={"id": "1"}, sourceversion="7", also=(SHRUNK, CHANGED))
    found = events(answer(each, advance(each).starts[0], done))
    assert [(event.trigger, event.sourceversion) for event in found] == [(CHANGED, "7"), (SHRUNK, "7")]
    assert len({event.id for event in found}) == 2


class ReturningApp(ListedApp):
    triggers: Mapping[str, Trigger] = {CHANGED: Trigger(CHANGED, CHANGED, "thing", Thing, {}, returns=True)}


def test_an_object_that_comes_back_to_a_version_is_another_event_and_a_repeat_is_none() -> None:
    app = ReturningApp()
    each = Owner(0, app, OwnerState(Connection(id="c", app="toy"), app, BOX, lambda: T0), shared())
    fetch = msgspec.structs.replace(
        command("f", action="sync_things"), emit=Emit(type=f"toy.{CHANGED}", source_connection="c")
    )

    def fetched(version: str, by: str) -> str:
        ending = Ending(Status.SUCCEEDED, data={"id": "p"}, sourceversion=version)
        return each.teller.fetched(msgspec.structs.replace(fetch, id=by), ending, CHANGED).id

    def polled(version: str, at: str) -> str:
        return each.teller.found(Found(CHANGED, "p", {"id": "p"}, version), at).id

    told = [fetched("A", "1"), polled("A", "2"), fetched("B", "3"), polled("A", "4"), fetched("A", "5")]
    assert told[0] == told[1]
    assert told[3] == told[4]
    assert len(set(told)) == 3
