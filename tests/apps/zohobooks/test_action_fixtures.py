"""Every action, a fixture each: the request it makes, what the twin's ledger says then, that repeating adds none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Applied, Call, Unchanged
from pipeline.apps.zohobooks import app
from pipeline.errors import InDoubt
from pipeline.sandbox.faults import Fault
from tests.apps.zohobooks.support import ORGANIZATION, Zoho, called, plan
from tests.apps.zohobooks.world import World, a_world

FIXTURES = Path(__file__).parents[2] / "fixtures/zohobooks/actions"
MODULES = ("contacts", "invoices", "customerpayments", "creditnotes", "items")
of_each = pytest.mark.parametrize("name", list(app.actions))
of_each_that_writes = pytest.mark.parametrize(
    "name", [name for name, action in app.actions.items() if action.repeat != "read"]
)


def fixture(name: str) -> dict[str, Any]:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    return decoder.decode((FIXTURES / f"{name}.json").read_bytes())


async def prepared(zoho: Zoho, name: str) -> tuple[World, dict[str, Any], int]:
    """The world of a fixture, the fixture with Zoho's ids in it, and how far the ledger is."""
    given = fixture(name)
    world = await a_world(zoho, *given["world"])
    world.ids["USD"] = str(zoho.books.currencies["USD"]["currency_id"])
    return world, world.filled(given), len(zoho.served.ledger.entries)


def effects(zoho: Zoho, since: int) -> list[list[str]]:
    found = [done for entry in zoho.served.ledger.entries[since:] for done in entry.applied]
    return [[done.action, done.kind] for done in found]


def kinds(zoho: Zoho, since: int) -> list[str]:
    return [entry.kind for entry in zoho.served.ledger.entries[since:] if entry.kind != "oauth.token"]


async def carry_out(name: str, world: World, given: Mapping[str, Any]) -> Applied:
    return await app.actions[name].apply(called(name, world.view, **given), world.session)


def test_there_is_a_fixture_for_every_action_and_none_without() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(app.actions)


@of_each
async def test_an_action_makes_the_request_of_its_fixture(zoho: Zoho, name: str) -> None:
    world, given, _ = await prepared(zoho, name)
    request, wanted = called(name, world.view, **given["input"]).request, given["request"]
    assert (request.method, request.path) == (wanted["method"], f"/books/v3/{wanted['path']}")
    assert request.query == {"organization_id": ORGANIZATION, **wanted["query"]}
    assert request.headers == wanted["headers"]
    if wanted["body"] is not None:
        assert request.body is not None
        assert msgspec.json.Decoder(float_hook=Decimal).decode(request.body) == wanted["body"]


@of_each
async def test_an_action_does_in_zoho_what_its_fixture_says(zoho: Zoho, name: str) -> None:
    world, given, since = await prepared(zoho, name)
    done = await carry_out(name, world, given["input"])
    assert kinds(zoho, since) == given["calls"]
    assert effects(zoho, since) == given["applied"]
    for module in MODULES:
        for record in zoho.served.call(lambda module=module: list(getattr(zoho.books, module))):  # type: ignore[misc]
            world.ids.setdefault(module, record[getattr(zoho.books, module).id_field])
            for refund in record.get("creditnote_refunds", ()):
                world.ids["refund"] = refund["creditnote_refund_id"]
    assert done.output == world.filled(given["output"])
    declared = {info.name for info in msgspec.structs.fields(app.actions[name].output)}  # type: ignore[attr-defined]
    assert done.output.keys() <= declared


@of_each_that_writes
async def test_an_action_that_is_repeated_without_any_memory_has_no_second_effect(zoho: Zoho, name: str) -> None:
    world, given, _ = await prepared(zoho, name)
    first = await carry_out(name, world, given["input"])
    since = len(zoho.served.ledger.entries)
    second = await carry_out(name, world, given["input"])
    assert effects(zoho, since) == given["repeated"]
    assert second.object == first.object


@of_each_that_writes
async def test_an_action_whose_answer_was_lost_has_its_effect_once(zoho: Zoho, name: str) -> None:
    world, given, since = await prepared(zoho, name)
    method, path = given["request"]["method"], f"/books/v3/{given['request']['path']}"
    zoho.served.place(Fault(effect="lose_answer", method=method, path=path))
    with pytest.raises(InDoubt):
        await carry_out(name, world, given["input"])
    done = await carry_out(name, world, given["input"])
    assert [each for each in effects(zoho, since) if each[0] != "unchanged"] == given["applied"]
    assert done.object is not None


@of_each_that_writes
async def test_an_action_that_was_done_is_planned_without_a_writing_effect(zoho: Zoho, name: str) -> None:
    world, given, _ = await prepared(zoho, name)
    done = await carry_out(name, world, given["input"])
    if done.pair:
        world.view.learn(done.pair)
    since = len(zoho.served.ledger.entries)
    planned = plan(name, world.view, **given["input"])
    if isinstance(planned, Call):
        await app.actions[name].apply(planned, world.session)
    else:
        assert isinstance(planned, Unchanged)
    writing = [entry.kind for entry in zoho.served.ledger.since(since, writes=True) if entry.kind != "oauth.token"]
    assert writing == []


@of_each_that_writes
async def test_a_pair_carries_the_version_that_the_write_gave_the_object(zoho: Zoho, name: str) -> None:
    given = fixture(name)
    world = await a_world(zoho, *given["world"], recognize_sent=True)
    world.ids["USD"] = str(zoho.books.currencies["USD"]["currency_id"])
    given = world.filled(given)
    done = await carry_out(name, world, given["input"])
    if done.pair is None:
        pytest.skip("it maps nothing")
    reader = {"invoice": "get_invoice", "contact": "get_contact", "payment": "get_payment"} | {
        "credit_note": "get_credit_note"
    }
    if name == "delete_payment":
        gone = await carry_out("get_deleted_payment", world, {"id": done.pair.destination.id})
        assert done.pair.theirs == gone.sourceversion
        return
    read = await carry_out(reader[done.pair.destination.type], world, {"id": done.pair.destination.id})
    assert done.pair.theirs == read.sourceversion != ""
