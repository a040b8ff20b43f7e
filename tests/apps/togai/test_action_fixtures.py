"""Every action, a fixture each: the request it makes, what the twin's ledger says then, that repeating adds none."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Call, Session, Unchanged
from pipeline.apps.togai import app
from pipeline.apps.transport import HttpTransport
from pipeline.errors import InDoubt
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.sandbox.togai.server import TogaiTwin
from tests.apps.togai.support import connected
from tests.apps.togai.world import World, a_twin, a_world

FIXTURES = Path(__file__).parents[2] / "fixtures/togai/actions"
WRITING = [name for name, action in app.actions.items() if action.repeat != "read"]
READERS = {"account": "get_account", "customer": "get_customer", "invoice": "get_invoice"} | {
    "payment": "get_payment",
    "credit": "get_credit",
}
of_each = pytest.mark.parametrize("name", list(app.actions))
of_each_that_writes = pytest.mark.parametrize("name", WRITING)


@pytest.fixture
def togai() -> Iterator[Served[TogaiTwin]]:
    with serve_in_thread(a_twin()) as served:
        yield served


@pytest.fixture
def session(togai: Served[TogaiTwin], transport: HttpTransport) -> Session:
    return connected(togai.base_url, transport)


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = decoded((FIXTURES / f"{name}.json").read_bytes())
    return found


def decoded(text: bytes) -> Any:
    return msgspec.json.Decoder(float_hook=Decimal).decode(text)


def prepared(togai: Served[TogaiTwin], session: Session, name: str) -> tuple[World, dict[str, Any], int]:
    """The world of a fixture, the fixture with Togai's ids in it, and how far the ledger is."""
    given = fixture(name)
    world = a_world(togai, session, *given["world"])
    togai.clock.advance(60)
    return world, world.filled(given), len(togai.ledger.entries)


def test_there_is_a_fixture_for_every_action_and_none_without() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(app.actions)


@of_each
async def test_an_action_does_in_togai_what_its_fixture_says(
    togai: Served[TogaiTwin], session: Session, name: str
) -> None:
    world, given, since = prepared(togai, session, name)
    planned = world.plan(name, **given["input"])
    assert isinstance(planned, Call)
    assert [planned.request.method, planned.request.path] == [given["request"]["method"], given["request"]["path"]]
    assert (decoded(planned.request.body) if planned.request.body else None) == given["request"]["body"]
    done = await world.carry_out(name, **given["input"])
    assert world.kinds(since) == given["calls"]
    assert len(given["calls"]) <= planned.most
    assert world.effects(since) == given["applied"]
    for kind in ("payments", "invoices", "credits"):
        world.ids[kind] = next(reversed(getattr(world.state, kind)), "")
    wanted = world.filled(given["output"])
    assert {key: done.output.get(key) for key in wanted} == wanted
    declared = {info.encode_name for info in msgspec.structs.fields(app.actions[name].output)}  # type: ignore[attr-defined]
    assert app.actions[name].repeat == "read" or done.output.keys() <= declared


@of_each_that_writes
async def test_an_action_that_is_repeated_without_any_memory_has_no_second_effect(
    togai: Served[TogaiTwin], session: Session, name: str
) -> None:
    world, given, _ = prepared(togai, session, name)
    first = await world.carry_out(name, **given["input"])
    since = len(togai.ledger.entries)
    second = await world.carry_out(name, **given["input"])
    assert world.effects(since) == given["repeated"]
    assert second.object == first.object


@of_each_that_writes
async def test_an_action_whose_answer_was_lost_has_its_effect_once(
    togai: Served[TogaiTwin], session: Session, name: str
) -> None:
    world, given, since = prepared(togai, session, name)
    writing = given["request"]["method"] if given["request"]["method"] != "GET" else "PATCH"
    togai.place(Fault(effect="lose_answer", method=writing))
    with pytest.raises(InDoubt):
        await world.carry_out(name, **given["input"])
    done = await world.carry_out(name, **given["input"])
    assert [each for each in world.effects(since) if each[0] != "unchanged"] == given["applied"]
    assert done.object is not None


@of_each_that_writes
async def test_an_action_that_was_done_is_planned_without_a_writing_effect(
    togai: Served[TogaiTwin], session: Session, name: str
) -> None:
    world, given, _ = prepared(togai, session, name)
    done = await world.carry_out(name, **given["input"])
    world.view.learn(done.pair)
    since = len(togai.ledger.entries)
    planned = world.plan(name, **given["input"])
    if isinstance(planned, Call):
        await app.actions[name].apply(planned, session)
    else:
        assert isinstance(planned, Unchanged)
        assert planned.object == done.object
    assert world.kinds(since, writes=True) == []


@of_each_that_writes
async def test_a_pair_carries_the_version_that_the_write_gave_the_object(
    togai: Served[TogaiTwin], session: Session, name: str
) -> None:
    world, given, _ = prepared(togai, session, name)
    done = await world.carry_out(name, **given["input"])
    if name == "put_setting":
        assert done.pair is not None
        return
    assert done.pair is not None
    togai.clock.advance(60)
    there = done.pair.destination
    read = await world.carry_out(READERS[there.type], id=there.id)
    assert done.pair.theirs == read.sourceversion != ""
