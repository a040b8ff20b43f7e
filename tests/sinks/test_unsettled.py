"""What is read while a write of ours is open waits until it is known whose it is; all else goes on."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest

from pipeline.apps.base import Applied, Call, Pair, Plan, Polled, Request, Session, View
from pipeline.errors import EffectError, InDoubt, Refused, Retry
from pipeline.flows.wanted import Wanted
from pipeline.schemas.records import Emit
from pipeline.sinks.entry import Entry, restored
from pipeline.sinks.owner import Owner
from pipeline.sinks.tick import Start, Tick
from tests.sinks.test_owner import advance, answer, results, rows, started
from tests.sinks.test_polling import CHANGED, end, events, found, polled
from tests.sinks.toy import T0, command, ref, thing

OURS = "2"
"""The version that our write gives the object."""


class FetchInput(msgspec.Struct):
    id: str


class Fetch:
    name: ClassVar[str] = "fetch"
    title: ClassVar[str] = "Fetch"
    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "GET /things/{id}"
    input = FetchInput

    def plan(self, input: FetchInput, view: View) -> Plan:
        return Call("read", Request("GET", f"/things/{input.id}"))

    async def apply(self, call: Call, session: Session) -> Applied:
        raise NotImplementedError


def asked(*, both_ways: bool = True) -> Owner:
    """An owner that fetches and polls things; links write them too, unless it is one way only."""
    each = polled()
    each.app.actions = {**each.app.actions, "fetch": Fetch()}
    if not both_ways:
        each.state.wanted = Wanted(each.state.wanted.triggers)
    return each


def write(each: Owner, id_: str = "w", source: str = "acc") -> Start:
    """A write of `source` is under way."""
    each.add(Entry(command(id_, party=source), "t", 0, T0))
    return next(start for start in advance(each).starts if start.entry is not None and start.entry.command.id == id_)


def fetch(each: Owner, id_: str = "7", version: str = OURS) -> Tick:
    """A webhook told of the thing, and it is fetched: the tick in which its answer is taken in."""
    wanted = command("f", party=f"thing-{id_}", action="fetch")
    run = msgspec.structs.replace(wanted.run, subject=id_)
    emit = Emit(type=f"toy.{CHANGED}", source_connection="c")
    each.add(Entry(msgspec.structs.replace(wanted, input={"id": id_}, run=run, emit=emit), "t", 1, T0))
    (start,) = [start for start in advance(each).starts if start.entry is not None]
    done = Applied("read", {"id": id_}, thing(id_), data={"id": id_}, sourceversion=version)
    return answer(each, start, done)


def landed(each: Owner, start: Start, id_: str = "7") -> Tick:
    """The answer of a write is here: it made thing `id_`, in our version."""
    assert start.entry is not None
    source = ref(start.entry.command.input["source"]["id"])
    done = Applied("created", {"id": id_}, thing(id_), Pair(source, thing(id_), hash="v", theirs=OURS))
    return answer(each, start, done)


def test_what_is_fetched_before_the_answer_of_the_write_that_made_it_is_known_as_an_echo_after_it() -> None:
    each = asked()
    start = write(each)
    assert (events(fetch(each)), results(advance(each))) == ([], [])

    tick = landed(each, start)

    (event,) = events(tick)
    assert (event.subject, event.echo) == ("7", "c+src")
    assert {result.command for result in results(tick)} == {"w", "f"}
    assert rows(tick) == {"w": None, "f": None}


def test_what_a_poll_finds_meanwhile_waits_with_its_cursor_and_is_not_asked_for_again() -> None:
    each = asked()
    asking = advance(each)
    start = write(each)
    tick = end(each, asking, Polled([found("7", OURS), found("8")], {"since": "x"}, after=60))
    assert (events(tick), each.state.cursors, [start.poll for start in advance(each, 1).starts]) == ([], {}, [])

    tick = landed(each, start)

    assert {event.subject: event.echo for event in events(tick)} == {"7": "c+src", "8": ""}
    assert each.state.cursors == {"changes": {"since": "x"}}
    assert not each.calling, "whoever takes over asks again: nothing has to end first"


def test_a_write_in_doubt_is_waited_for_until_it_is_settled() -> None:
    each = asked()
    start = write(each)
    answer(each, start, None, InDoubt("no answer"))
    assert events(fetch(each)) == []

    (again,) = [start for start in advance(each, 11).starts if start.entry is not None]
    assert again.entry is start.entry
    assert events(advance(each, 12)) == [], "it is asked again, and the answer is not here yet"
    (event,) = events(landed(each, again))

    assert event.echo == "c+src"


def test_what_was_read_in_an_older_version_than_the_repeated_write_gave_it_is_ours_as_well() -> None:
    each = asked()
    asking = advance(each)
    start = write(each)
    answer(each, start, None, InDoubt("no answer"))
    fetch(each, version="1")
    end(each, asking, Polled([found("7", "1")], {"since": "x"}, after=60))
    (again,) = [start for start in advance(each, 11).starts if start.entry is not None]

    assert [event.echo for event in events(landed(each, again))] == ["c+src", "c+src"]
    assert [event.echo for event in events(fetch(each, version="3"))] == [""], "a later change is somebody else's"


@pytest.mark.parametrize("error", [Refused("no"), Refused("a name is taken", cause="conflict"), Retry("not sent")])
def test_a_write_that_had_no_effect_lets_it_go_on_as_a_change_of_somebody_else(error: EffectError) -> None:
    each = asked()
    start = write(each)
    fetch(each)

    (event,) = events(answer(each, start, None, error))

    assert (event.subject, event.echo) == ("7", "")


def test_writes_that_began_after_it_was_read_are_not_waited_for() -> None:
    each = asked()
    first = write(each, "w1", "a")
    fetch(each)
    write(each, "w2", "b")

    (event,) = events(landed(each, first, "9"))

    assert (event.subject, event.echo) == ("7", "")


def test_an_object_that_has_a_counterpart_waits_for_writes_of_that_one_alone() -> None:
    each = asked()
    each.shared.mappings.put("c+src", Pair(ref("acc"), thing("7"), hash="old", theirs="1"))
    other = write(each, "w1", "other")
    (event,) = events(fetch(each, version="2"))
    assert event.echo == ""
    landed(each, other, "9")

    start = write(each, "w2", "acc")
    assert events(fetch(each, version="3")) == []
    assert len(events(answer(each, start, None, Refused("no")))) == 1


def test_nothing_waits_where_nothing_is_written_back() -> None:
    each = asked(both_ways=False)
    write(each)

    assert [event.subject for event in events(fetch(each))] == ["7"]


def test_other_commands_go_on_meanwhile_and_a_successor_fetches_it_again() -> None:
    each = asked()
    write(each)
    fetch(each)
    each.add(Entry(command("x", party="else"), "t", 2, T0))
    assert started(advance(each)) == ["x"]

    (held,) = [entry for entry in each.parties.entries() if entry.command.id == "f"]
    successor = asked()
    successor.restore([restored(held.row(), T0)], T0)
    assert started(advance(successor)) == ["f"]
