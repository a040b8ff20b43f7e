"""Every trigger, a fixture each: what happens in Togai is told by a webhook, if Togai has one, and found by a poll."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Applied, Found
from pipeline.apps.incoming import complete
from pipeline.apps.togai import app
from pipeline.sandbox.config import Hook
from pipeline.schemas.envelope import Event, event_id
from tests.apps.receiver import Receiver, receiving
from tests.apps.togai.poller import Poller
from tests.apps.togai.world import World

FIXTURES = Path(__file__).parents[2] / "fixtures/togai/triggers"
FETCHED = [name for name, trigger in app.triggers.items() if trigger.fetch]


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes())
    return found


HOOKED = [name for name in FETCHED if fixture(name)["webhook"]]
of_each_fetched = pytest.mark.parametrize("name", FETCHED)
of_each_hooked = pytest.mark.parametrize("name", HOOKED)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@dataclass
class Happened:
    """What became known of one change: what the sweeps of the poll found, and the bodies of webhooks."""

    world: World
    given: dict[str, Any]
    found: Sequence[Found]

    async def fetched(self, name: str) -> Applied:
        return await self.world.carry_out(app.triggers[name].fetch, id=self.given["subject"])


async def happened(world: World, name: str, hook_url: str = "") -> Happened:
    given = fixture(name)
    for thing in given["world"]:
        world.add(thing)
    wanted = {name: (given.get("given", {}),)}
    poller = Poller(given["poll"], world, wanted)
    await poller.sweep()
    world.togai.clock.advance(3_700)
    if hook_url:
        hook = Hook(kind=given["webhook"], url=f"{hook_url}/{given['webhook']}", shape="payload")
        world.togai.call(lambda: world.state.hooks.hooks.append(hook))
    for what, *more in given["happens"]:
        world.happen(what, *more)
    found = [*await poller.sweep(), *await poller.sweep(), *await poller.sweep()]
    return Happened(world, world.filled(given), found)


def ids(name: str, applied: Applied, subject: str) -> str:
    return event_id("togai", f"togai.{name}", subject, applied.sourceversion, applied.data)


def test_there_is_a_fixture_for_every_trigger_and_none_without() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(app.triggers)


@of_each_fetched
async def test_a_change_is_found_by_a_poll_once_and_is_the_object_that_a_fetch_gives(world: World, name: str) -> None:
    change = await happened(world, name)
    (found,) = change.found
    assert (found.trigger, found.subject) == (name, change.given["subject"])
    fetched = await change.fetched(name)
    assert found.sourceversion == fetched.sourceversion == app.version(name, found.data) != ""
    assert found.data == fetched.data
    assert app.party(name, found.data) == change.given["party"]
    for field, value in change.given["data"].items():
        assert found.data[field] == (Decimal(value) if isinstance(value, int) else value)


@of_each_hooked
async def test_a_webhook_and_a_poll_of_the_same_change_are_one_event(
    world: World, receiver: Receiver, name: str
) -> None:
    change = await happened(world, name, receiver.url)
    kind = change.given["webhook"]
    taken = receiver.until(bool, f"a webhook of {kind}")[-1]
    (hint,) = app.hooks(kind, taken.body)
    assert (hint.trigger, hint.subject) == (kind, change.given["subject"])
    fetched = await world.carry_out(app.triggers[hint.trigger].fetch, id=hint.subject)
    assert name in (hint.trigger, *fetched.also)
    (found,) = change.found
    of_poll = event_id("togai", f"togai.{name}", found.subject, found.sourceversion, found.data)
    assert of_poll == ids(name, fetched, hint.subject)


@of_each_fetched
async def test_the_object_of_an_event_is_typed_and_a_neutral_document(world: World, name: str) -> None:
    change = await happened(world, name)
    (found,) = change.found
    msgspec.convert(found.data, app.triggers[name].schema)
    event = Event(type=f"togai.{name}", subject=found.subject, data=found.data, connection="togai")
    document = app.document(name, event)
    assert type(document).__name__ == change.given["document"]
    lines, total = getattr(document, "lines", []), getattr(document, "total", Decimal(0))
    assert sum((line.amount for line in lines), Decimal(0)) == total


async def test_a_due_time_is_an_event_of_its_schedule(world: World) -> None:
    change = await happened(world, "schedule")
    (found,) = change.found
    assert found.subject == change.given["subject"]
    assert app.party("schedule", found.data) == change.given["party"]
    assert found.data["local"] == change.given["data"]["local"]
    msgspec.convert(found.data, app.triggers["schedule"].schema)


def test_what_a_person_asks_for_is_an_event_with_a_free_payload() -> None:
    given = fixture("on_demand")
    data = given["happens"][0][1]
    sent = Event(id="1", type="togai.on_demand", source="togai/main", subject="by hand", data=data)
    event = complete(sent, {"togai": app})
    assert (event.subject, event.party, event.data) == (given["subject"], given["party"], given["data"])
    for payload in ({}, data, {"payload": {"anything": [1, {"deep": None}]}}):
        msgspec.convert(payload, app.triggers["on_demand"].schema)
