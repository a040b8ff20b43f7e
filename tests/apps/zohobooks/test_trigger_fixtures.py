"""Every trigger, a fixture each: what a person does in Zoho is told by a signed webhook and found by a poll, as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Applied, Found
from pipeline.apps.zohobooks import app
from pipeline.errors import Unverified
from pipeline.sandbox.config import ZohoHook
from pipeline.sandbox.zohobooks.routes.invoices import view
from pipeline.schemas.envelope import Event, event_id
from tests.apps.receiver import Receiver, Taken, receiving
from tests.apps.zohobooks.poller import Poller
from tests.apps.zohobooks.support import ORGANIZATION, SETTINGS, Zoho, called
from tests.apps.zohobooks.world import World, a_world

FIXTURES = Path(__file__).parents[2] / "fixtures/zohobooks/triggers"
SECRET = "oldSecret123456"
SECRETS = {"webhook_secret": f"newSecret123456, {SECRET}"}
of_each = pytest.mark.parametrize("name", list(app.triggers))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@dataclass
class Happened:
    """What became known of one change: the webhook, and what the next sweeps of the poll found."""

    world: World
    given: dict[str, Any]
    hook: Taken
    found: list[Found]

    async def fetched(self, name: str) -> Applied:
        (hinted,) = app.hooks(name, self.hook.body)
        action = app.triggers[name].fetch
        return await app.actions[action].apply(called(action, self.world.view, id=hinted.subject), self.world.session)


async def happened(zoho: Zoho, receiver: Receiver, name: str) -> Happened:
    given: dict[str, Any] = msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes())
    world = await a_world(zoho, *given["world"])
    poller = Poller(given["poll"], world, [name])
    await poller.sweep()
    zoho.served.clock.advance(86_400 * 2 if name == "invoice.overdue" else 120)
    hook = ZohoHook(kind=name, url=receiver.url + "/{kind}?event={kind}", body=given["webhook"], secret=SECRET)
    zoho.served.call(lambda: zoho.books.hooks.hooks.append(hook))
    for method, path, body, made in given["by_hand"]:
        answer = world.by_hand(method, path, body)
        if made:
            world.ids[made] = next(value for key, value in answer[made].items() if key.endswith("_id"))
    if name == "invoice.overdue":
        late = next(iter(zoho.books.invoices))
        zoho.served.call(lambda: zoho.books.hooks.emit(name, "invoice", view(zoho.books, late)))
    (taken,) = receiver.until(lambda each: len(each) >= 1, f"a webhook of {name}")
    found = [*await poller.sweep(), *await poller.sweep(), *await poller.sweep()]
    return Happened(world, world.filled(given), taken, found)


def test_there_is_a_fixture_for_every_trigger_and_none_without() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(app.triggers)


@of_each
async def test_a_change_is_told_by_a_signed_webhook_that_is_verified_with_any_of_the_secrets(
    zoho: Zoho, receiver: Receiver, name: str
) -> None:
    hook = (await happened(zoho, receiver, name)).hook
    given: dict[str, Any] = {"query": hook.query, "settings": SETTINGS, "headers": hook.headers, "body": hook.body}
    assert hook.path == f"/{name}"
    app.verify(**given, secrets=SECRETS)
    changes: tuple[dict[str, Any], ...] = (
        {"body": hook.body + b" "},
        {"query": []},
        {"headers": {**hook.headers, "x-zoho-webhook-signature": "0" * 64}},
        {"headers": {"content-type": "application/json"}},
        {"settings": {"organization_id": "7"}},
    )
    for wrong in changes:
        with pytest.raises(Unverified):
            app.verify(**{**given, **wrong}, secrets=SECRETS)
    for secrets in ({}, {"webhook_secret": "another1234567"}):
        with pytest.raises(Unverified):
            app.verify(**given, secrets=secrets)


@of_each
async def test_a_webhook_and_a_poll_of_the_same_change_are_one_event(zoho: Zoho, receiver: Receiver, name: str) -> None:
    change = await happened(zoho, receiver, name)
    (hinted,) = app.hooks(name, change.hook.body)
    assert (hinted.trigger, hinted.subject) == (name, change.given["subject"])
    fetched = await change.fetched(name)
    (found,) = change.found
    assert (found.trigger, found.subject) == (name, hinted.subject)
    assert found.sourceversion == fetched.sourceversion == app.version(name, found.data) != ""
    ids = {
        event_id("zoho", f"zohobooks.{name}", found.subject, version, data)
        for version, data in ((found.sourceversion, found.data), (fetched.sourceversion, fetched.data))
    }
    assert len(ids) == 1
    assert found.data.items() >= fetched.data.items()
    assert app.party(name, found.data) == change.given["party"]
    for field, value in change.given["data"].items():
        there = found.data[field]
        assert (Decimal(value) == there) if isinstance(there, Decimal | int) else (there == value)


@of_each
async def test_the_object_of_an_event_is_typed_and_a_neutral_document_where_there_is_one(
    zoho: Zoho, receiver: Receiver, name: str
) -> None:
    change = await happened(zoho, receiver, name)
    (found,) = change.found
    msgspec.convert(found.data, app.triggers[name].schema, strict=False)
    event = Event(type=f"zohobooks.{name}", subject=found.subject, data=found.data, connection="zoho")
    document = app.document(name, event)
    assert type(document).__name__ == (change.given["document"] or "NoneType")
    if document is not None:
        assert getattr(document, "version", "") == found.sourceversion
    lines, total = getattr(document, "lines", []), getattr(document, "total", Decimal(0))
    assert sum((line.amount for line in lines), Decimal(0)) == total


async def test_a_sweep_that_finds_nothing_costs_one_call(zoho: Zoho) -> None:
    world = await a_world(zoho, "payment", "credit_note")
    for name in app.polls:
        poller = Poller(name, world)
        await poller.sweep()
        poller.calls.clear()
        zoho.served.clock.advance(120)
        assert await poller.sweep() == []
        assert poller.calls == [1]


def test_the_organization_of_the_fixtures_is_the_sandboxs() -> None:
    assert SETTINGS["organization_id"] == ORGANIZATION
